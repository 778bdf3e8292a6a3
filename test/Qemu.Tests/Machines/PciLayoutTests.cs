using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Qemu.Machines;
using Xunit;

namespace Umbra.Qemu.Tests.Machines;

public sealed class PciLayoutTests
{
    private static readonly VmDefinition s_vm = new()
    {
        Name = new VmId("v"),
        Disks = [Disk("a"), Disk("b")],
        Nics = [Nic("n")],
    };

    [Fact]
    public void Devices_get_fixed_slots_in_their_order()
    {
        VmDefinition vm = PciLayout.Assign(s_vm)!;
        Assert.Equal(["0x2", "0x3"], vm.Disks.Select(d => d.Address));
        Assert.Equal("0xa", vm.Nics[0].Address);
        Assert.Equal(vm.Disks, PciLayout.Assign(vm)!.Disks);
    }

    [Theory]
    [InlineData("0x2")]
    [InlineData("02.0")]
    [InlineData("2")]
    public void A_given_address_is_kept_and_not_given_again(string address)
    {
        VmDefinition vm = PciLayout.Assign(s_vm with { Disks = [Disk("a"), Disk("b") with { Address = address }] })!;
        Assert.Equal(["0x3", address], vm.Disks.Select(d => d.Address));
    }

    [Fact]
    public void Too_many_devices_have_no_place() => Assert.Null(
        PciLayout.Assign(s_vm with { Disks = [.. Enumerable.Range(0, 9).Select(i => Disk("d" + i))] }));

    [Fact]
    public void Hot_plugged_devices_get_free_root_ports_until_there_are_none()
    {
        VmDefinition wanted = s_vm with
        {
            Disks = [.. s_vm.Disks, Disk("c"), Disk("d")],
            Nics = [.. s_vm.Nics, Nic("m"), Nic("o")],
        };
        VmDefinition placed = PciLayout.PlaceHotPlugged(s_vm, wanted)!;
        Assert.Equal([null, null, "hp0", "hp1"], placed.Disks.Select(d => d.Bus));
        Assert.Equal([null, "hp2", "hp3"], placed.Nics.Select(n => n.Bus));
        Assert.Null(PciLayout.FreePort(placed));
        Assert.Null(PciLayout.PlaceHotPlugged(placed, placed with { Disks = [.. placed.Disks, Disk("e")] }));
    }

    private static DiskDefinition Disk(string id) => new() { Id = id, Bytes = 512 };

    private static NicDefinition Nic(string id) => new() { Id = id, Mac = "52:54:00:00:00:01", Bridge = "br0" };
}
