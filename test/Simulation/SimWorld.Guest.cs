using Umbra.Core.Basics;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>What the guest does.</summary>
internal sealed partial class SimWorld
{
    private void GuestStep()
    {
        In(Random.Between(2, 12), GuestStep);
        foreach (SimHost host in _hosts)
        {
            if (!host.Runs) continue;
            for (int n = Random.Below(4); n > 0; n--) Write(host.Guest!);
        }
    }

    private void Write(ModelGuest guest)
    {
        int what = Random.Below(20);
        if (what < 14)
        {
            guest.WriteWord(
                Random.OneIn(5) ? Random.Below(PageCount) : Random.Below(4), Random.Below(512), Random.Next());
        }
        else if (what < 15)
        {
            guest.ClearPage(Random.Below(PageCount));
        }
        else
        {
            int disk = Random.Below(guest.ModelDisks.All.Count);
            int sectors = guest.ModelDisks.All[disk].Value.Content.Length / 512;
            int first = Random.Below(sectors);
            int count = 1 + Random.Below(Math.Min(8, sectors - first));
            if (what == 19) guest.ModelDisks.Zero(disk, first * 512L, count * 512);
            else if (what >= 17) WriteBack(guest, disk, sectors);
            else guest.ModelDisks.Write(disk, first * 512L, Noise(count * 512));
        }
    }

    // A page of the guest's cache goes to the disk that it is of.
    private void WriteBack(ModelGuest guest, int disk, int sectors)
    {
        if (sectors < Sizes.Page / 512) return;
        long page = Random.OneIn(2) ? Random.Below(4) : Random.Below(PageCount);
        guest.ModelDisks.Write(disk, Random.Below(sectors - (Sizes.Page / 512) + 1) * 512L, guest.Page(page));
    }

    private byte[] Noise(int bytes)
    {
        byte[] data = new byte[bytes];
        BitConverter.TryWriteBytes(data, Random.Next());
        data[^1] = (byte)Random.Next();
        return data;
    }

    private void CopyStep()
    {
        In(TimeSpan.FromMilliseconds(15), CopyStep);
        foreach (SimHost host in _hosts)
        {
            if (host.Guest is { Alive: true } guest && !host.Suspended) guest.ModelDisks.CopyStep(Sizes.Block);
        }
    }
}
