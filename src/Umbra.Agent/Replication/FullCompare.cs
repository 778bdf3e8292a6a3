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
/// the device state that the emulator gave for the epoch, and the configuration.
/// </summary>
internal sealed class FullCompare(string action, GuestMemory memory, IReadOnlyList<ComparedDisk> disks,
    IContentHash hash)
{
    // Where the first disk's hashes are; before them, in the order of HashRequest, the state's and the RAM's.
    private const int FirstDisk = -HashRequest.State;

    private readonly List<ulong[]> _hashes = [];
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

    /// <summary>Takes this side's hashes; the guest is paused.</summary>
    /// <param name="deviceState">Hash of the device state that was saved in this pause.</param>
    /// <param name="configuration">Hash of the configuration that goes with it.</param>
    public void Capture(ulong deviceState, ulong configuration)
    {
        IsCaptured = true;
        _hashes.Add([deviceState, configuration]);
        var pages = new ulong[memory.PageCount];
        for (long i = 0; i < pages.Length; i++) pages[i] = hash.Hash(memory.Page(i));
        _hashes.Add(pages);
        foreach (ComparedDisk disk in disks) _hashes.Add(HashDisk(disk));
    }

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

    private ulong[] HashDisk(ComparedDisk disk)
    {
        var hashes = new ulong[(disk.Bytes + Sizes.Block - 1) / Sizes.Block];
        Outcome<DiskFile> opened = DiskFile.Open(disk.Path, writable: false);
        if (!opened.IsOk)
        {
            _trouble = opened.Error.Message;
            return hashes;
        }

        using DiskFile file = opened.Value;
        byte[] block = new byte[Sizes.Block];
        for (long i = 0; i < hashes.Length && _trouble.Length == 0; i++)
        {
            Span<byte> part = block.AsSpan(0, (int)Math.Min(Sizes.Block, disk.Bytes - (i * Sizes.Block)));
            if (file.Read(i * Sizes.Block, part) is { } error) _trouble = error.Message;
            hashes[i] = hash.Hash(part);
        }

        return hashes;
    }
}

/// <summary>A disk as a comparison reads it: the raw image, from outside the emulator.</summary>
/// <param name="Id">The disk.</param>
/// <param name="Path">Its image, raw.</param>
/// <param name="Bytes">Its size.</param>
internal sealed record ComparedDisk(string Id, string Path, long Bytes);
