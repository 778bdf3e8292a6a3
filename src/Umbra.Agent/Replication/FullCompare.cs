using System.Runtime.InteropServices;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Linux;
using Umbra.Linux.Files;
using Umbra.Linux.Memory;

namespace Umbra.Agent.Replication;

/// <summary>
/// A comparison of every page and block of a VM with its shadow, at one and the same epoch: this side's hashes are
/// taken while the guest is paused for that epoch, the shadow's once it holds it and before it gets another one. So are
/// the device state that the emulator gave for the epoch, and the configuration. It works in short steps, between which
/// the session shows both witnesses that it lives.
/// </summary>
internal sealed class FullCompare(string action, GuestMemory memory, IReadOnlyList<ComparedDisk> disks,
    IContentHash hash)
{
    // Where the first disk's hashes are; before them, in the order of HashRequest, the state's and the RAM's.
    private const int FirstDisk = -HashRequest.State;

    private readonly List<ulong[]> _hashes = [];
    private readonly byte[] _block = new byte[Sizes.Block];
    private DiskFile? _image;
    private int _capturing;
    private long _captured;
    private string _trouble = "";
    private HashRequest? _asked;
    private long _different;
    private string _first = "";

    /// <summary>The action that asked for it.</summary>
    public string Action => action;

    /// <summary>Whether this side's hashes are taken.</summary>
    public bool IsCaptured { get; private set; }

    /// <summary>The epoch that is compared, once it is acknowledged.</summary>
    public EpochNumber Epoch { get; private set; }

    /// <summary>Whether the shadow is being asked: no other epoch may be sent meanwhile.</summary>
    public bool IsAsking => Epoch != EpochNumber.None;

    /// <summary>
    /// Begins to take this side's hashes; the guest is paused until <see cref="CaptureSome"/> has taken all.
    /// </summary>
    /// <param name="deviceState">Hash of the device state that was saved in this pause.</param>
    /// <param name="configuration">Hash of the configuration that goes with it.</param>
    public void BeginCapture(ulong deviceState, ulong configuration)
    {
        _hashes.Add([deviceState, configuration]);
        _hashes.Add(new ulong[memory.PageCount]);
        foreach (ComparedDisk disk in disks) _hashes.Add(new ulong[CompareLimits.Units(disk.Bytes)]);
        _capturing = HashRequest.Ram;
    }

    /// <summary>Takes a few milliseconds' worth of hashes; true when there are more to take.</summary>
    public bool CaptureSome()
    {
        if (_captured == HashesOf(_capturing).Length) (_capturing, _captured) = (_capturing + 1, 0);
        if (_capturing == disks.Count || _trouble.Length > 0)
        {
            CloseImage();
            IsCaptured = _trouble.Length == 0;
            return false;
        }

        long end = HashesOf(_capturing).Length;
        if (_capturing == HashRequest.Ram) HashPages(Math.Min(end, _captured + CompareLimits.PagesPerStep));
        else HashBlocks(disks[_capturing], Math.Min(end, _captured + CompareLimits.BlocksPerStep));
        return true;
    }

    /// <summary>Ends the capture, because the guest would stand still for too long.</summary>
    public void AbandonCapture(string why)
    {
        _trouble = why;
        CloseImage();
    }

    /// <summary>Why the capture came to nothing; empty when it did not.</summary>
    public string Trouble => _trouble;

    /// <summary>The shadow holds the epoch: begins to ask for its hashes.</summary>
    public HashRequest? Begin(EpochNumber epoch)
    {
        Epoch = epoch;
        return Ask(HashRequest.State, 0);
    }

    /// <summary>Takes an answer; the next request, or null when all is compared.</summary>
    public HashRequest? Take(HashReply reply)
    {
        if (_asked is null || reply.Disk != _asked.Disk || reply.First != _asked.First
            || reply.Hashes.Length != _asked.Count * sizeof(ulong))
        {
            _trouble = "the shadow's hashes are not those that were asked for";
            return null;
        }

        ReadOnlySpan<ulong> theirs = MemoryMarshal.Cast<byte, ulong>(reply.Hashes.Span);
        ReadOnlySpan<ulong> ours = HashesOf(reply.Disk).AsSpan((int)reply.First, theirs.Length);
        for (int i = 0; i < theirs.Length; i++)
        {
            if (ours[i] == theirs[i]) continue;
            if (_different++ == 0) _first = NameOf(reply.Disk, reply.First + i);
        }

        return Ask(reply.Disk, reply.First + theirs.Length);
    }

    /// <summary>What came of it.</summary>
    public VmActionResult Result()
    {
        bool equal = _trouble.Length == 0 && _different == 0 && IsAsking;
        string detail = equal
            ? $"{HashesOf(HashRequest.Ram).Length} pages, {_hashes.Skip(FirstDisk).Sum(h => (long)h.Length)} disk "
                + $"blocks, device state and configuration are equal at {Epoch}"
            : _trouble.Length > 0 ? _trouble : $"{_different} parts differ at {Epoch}, the first is {_first}";
        return new VmActionResult { Id = action, Succeeded = equal, Detail = detail, Epoch = Epoch };
    }

    /// <summary>It cannot be done.</summary>
    public VmActionResult Failed(string why) => new() { Id = action, Succeeded = false, Detail = why, Epoch = Epoch };

    private HashRequest? Ask(int disk, long first)
    {
        while (first == HashesOf(disk).Length)
        {
            if (++disk == disks.Count) return _asked = null;
            first = 0;
        }

        int count = (int)Math.Min(ProtocolLimits.HashesPerMessage, HashesOf(disk).Length - first);
        return _asked = new HashRequest(disk, first, count);
    }

    private ulong[] HashesOf(int disk) => _hashes[disk + FirstDisk];

    private string NameOf(int disk, long unit) => disk switch
    {
        HashRequest.State => unit == 0 ? "the device state" : "the configuration",
        HashRequest.Ram => $"page {unit}",
        _ => $"block {unit} of disk {disks[disk].Id}",
    };

    private void HashPages(long end)
    {
        ulong[] into = HashesOf(HashRequest.Ram);
        for (; _captured < end; _captured++) into[_captured] = hash.Hash(memory.Page(_captured));
    }

    private void HashBlocks(ComparedDisk disk, long end)
    {
        if (_captured == 0) OpenImage(disk);
        ulong[] into = HashesOf(_capturing);
        for (; _captured < end && _trouble.Length == 0; _captured++)
        {
            long offset = _captured * Sizes.Block;
            Span<byte> part = _block.AsSpan(0, (int)Math.Min(Sizes.Block, disk.Bytes - offset));
            if (_image!.Read(offset, part) is { } error) _trouble = error.Message;
            into[_captured] = hash.Hash(part);
        }
    }

    private void OpenImage(ComparedDisk disk)
    {
        CloseImage();
        Outcome<DiskFile> opened = DiskFile.Open(disk.Path, writable: false);
        if (opened.IsOk) _image = opened.Value;
        else _trouble = opened.Error.Message;
    }

    private void CloseImage()
    {
        _image?.Dispose();
        _image = null;
    }
}

/// <summary>A disk as a comparison reads it: the raw image, from outside the emulator.</summary>
/// <param name="Id">The disk.</param>
/// <param name="Path">Its image, raw.</param>
/// <param name="Bytes">Its size.</param>
internal sealed record ComparedDisk(string Id, string Path, long Bytes);
