using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Policy;
using Xunit;

namespace Umbra.Core.Tests.Policy;

public sealed class RulesTests
{
    private static readonly VmDefinition Good = new()
    {
        Name = new VmId("v"),
        Disks = [new DiskDefinition { Id = "disk0", Bytes = 64 * Sizes.MiB }],
        Nics = [new NicDefinition { Id = "net0", Mac = "52:54:00:00:00:01", Bridge = "br0" }],
        Kernel = new KernelBoot { KernelPath = "/boot/vmlinuz" },
    };

    [Fact]
    public void A_good_definition_and_the_default_policy_have_no_errors()
    {
        Assert.Empty(VmRules.Check(Good));
        Assert.Empty(PolicyRules.Check(new ProtectionPolicy()));
    }

    public static TheoryData<string, VmDefinition> Bad => new()
    {
        { "multiple of 2 MiB", Good with { MemoryBytes = (256L * Sizes.MiB) + 1 } },
        { "memory must be", Good with { MemoryBytes = Sizes.MiB } },
        { "number of CPUs", Good with { Cpus = 0 } },
        { "accelerator", Good with { Accelerator = "xen" } },
        { "not pinned", Good with { Machine = "q35" } },
        { "machine type must be", Good with { Machine = "a b" } },
        { "CPU model", Good with { Cpu = "" } },
        { "two devices are called", Good with { Disks = [Good.Disks[0], Good.Disks[0]] } },
        { "name of a device", Good with { Disks = [Good.Disks[0] with { Id = "Disk 0" }] } },
        { "multiple of 512", Good with { Disks = [Good.Disks[0] with { Bytes = 513 }] } },
        { "raw or qcow2", Good with { Disks = [Good.Disks[0] with { Format = "vmdk", SourcePath = "/x" }] } },
        { "needs a path", Good with { Disks = [Good.Disks[0] with { Format = "qcow2" }] } },
        { "absolute path", Good with { Disks = [Good.Disks[0] with { SourcePath = "x,readonly=off" }] } },
        { "no MAC address", Good with { Nics = [Good.Nics[0] with { Mac = "53:54:00:00:00:01" }] } },
        { "no name of a bridge", Good with { Nics = [Good.Nics[0] with { Bridge = "br0,script=/x" }] } },
        { "absolute path", Good with { Kernel = new KernelBoot { KernelPath = "vmlinuz" } } },
        { "printable", Good with { Kernel = Good.Kernel! with { CommandLine = "a\nb" } } },
        { "no UUID", Good with { Uuid = "x" } },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void A_broken_rule_is_named(string text, VmDefinition vm) =>
        Assert.Contains(text, Assert.Single(VmRules.Check(vm)));

    [Fact]
    public void Every_limit_of_a_policy_is_held()
    {
        var policy = new ProtectionPolicy();
        Assert.Contains("interval", Only(policy with { Interval = TimeSpan.FromMilliseconds(24) }));
        Assert.Contains("below the interval", Only(policy with { IntervalMax = TimeSpan.FromMilliseconds(500) }));
        Assert.Contains("lease", Only(policy with { Lease = TimeSpan.Zero }));
        Assert.Contains("pause budget", Only(policy with { PauseBudget = TimeSpan.Zero }));
        Assert.Contains("disk log", Only(policy with { DiskLogBytes = PolicyRules.DiskLogBytesMin - 1 }));
        Assert.Contains("known good", Only(policy with { KnownGoodEpochs = 99 }));
        Assert.Contains("resync rate", Only(policy with { ResyncBytesPerSecond = -1 }));
    }

    [Fact]
    public void The_default_MAC_depends_on_the_names_alone_and_differs_between_them()
    {
        string mac = VmRules.DefaultMac(new VmId("v"), "net0");
        Assert.Equal(mac, VmRules.DefaultMac(new VmId("v"), "net0"));
        Assert.NotEqual(mac, VmRules.DefaultMac(new VmId("v"), "net1"));
        Assert.Empty(VmRules.Check(Good with { Nics = [Good.Nics[0] with { Mac = mac }] }));
    }

    [Fact]
    public void Definitions_are_compared_by_what_they_say()
    {
        Assert.True(VmRules.Same(Good, Good with { Disks = [Good.Disks[0] with { }] }));
        Assert.False(VmRules.Same(Good, Good with { Disks = [Good.Disks[0] with { Bytes = 512 }] }));
        Assert.False(VmRules.Same(Good, Good with { Cpus = 2 }));
    }

    [Fact]
    public void Plugging_raises_the_revision_and_refuses_a_name_that_is_taken()
    {
        var nic = new NicDefinition { Id = "net1", Mac = "52:54:00:00:00:02", Bridge = "br0" };
        Assert.Empty(VmRules.CheckPlug(Good, new PlugRequest { Nics = [nic] }));
        Assert.Equal(2, VmRules.WithPlugged(Good, new PlugRequest { Nics = [nic] }).Revision);
        Assert.NotEmpty(VmRules.CheckPlug(Good, new PlugRequest { Nics = [nic with { Id = "disk0" }] }));
        Assert.NotEmpty(VmRules.CheckPlug(Good, new PlugRequest()));
    }

    [Theory]
    [InlineData("512", 512)]
    [InlineData("64K", 65536)]
    [InlineData("256M", 268435456)]
    [InlineData("8 GiB", 8589934592)]
    [InlineData("1tb", 1099511627776)]
    public void Sizes_are_read(string text, long bytes)
    {
        Assert.True(ByteText.TryParse(text, out long read));
        Assert.Equal(bytes, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("M")]
    [InlineData("-1M")]
    [InlineData("1.5G")]
    [InlineData("9999999999T")]
    public void What_is_no_size_is_refused(string text) => Assert.False(ByteText.TryParse(text, out _));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(268435456, "256 MiB")]
    public void Sizes_are_written(long bytes, string text) => Assert.Equal(text, ByteText.Of(bytes));

    private static string Only(ProtectionPolicy policy) => Assert.Single(PolicyRules.Check(policy));
}
