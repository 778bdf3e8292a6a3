using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Umbra.Testing;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>
/// Hosts with different versions of QEMU. The other version is <see cref="TestedQemu.Other"/>; without one these tests
/// are skipped.
/// </summary>
[Collection(GuestBedTests.Name)]
public sealed class QemuVersionTests
{
    private const string Name = "crossing";

    private static readonly VmId Vm = new(Name);

    [Fact]
    public async Task A_guest_is_swapped_to_another_version_of_QEMU_and_back_with_all_it_had()
    {
        await using FleetLab lab = await CreateAsync(hosts: 2);
        using FleetClient fleet = await lab.StartFleetAsync(GuestBed.Patience);
        FleetView view = await fleet.FleetAsync();
        GuestBed.Say(string.Join("; ", view.Hosts.Select(h => $"{h.Name} {h.Description!.QemuVersion}")));
        await CreateVmAsync(fleet, "pc-q35-7.2");
        await using GuestClient client =
            await GuestClient.ConnectAsync(lab.ClientDoor, GuestImage.AddressDefault, GuestBed.Patience);
        var guest = new GuestConsole(lab.ClientDoor, GuestImage.AddressDefault);
        string bootId = (await guest.StatusAsync()).BootId;
        for (int i = 0; i < 2; i++)
        {
            VmView before = await ProtectedAsync(fleet);
            CommandResult verified = await lab.TryUmbraAsync("vm", "verify", Name);
            Assert.True(verified.ExitCode == 0, verified.Error + verified.Output + lab.Diagnosis());
            CommandResult swapped = await lab.TryUmbraAsync("swap", Name);
            Assert.True(swapped.ExitCode == 0, swapped.Error + swapped.Output + lab.Diagnosis());
            VmView after = await fleet.WaitForVmAsync(
                Vm, "to run on its shadow", vm => vm.Primary == before.Shadow && vm.Guest == GuestState.Running,
                GuestBed.Patience);
            GuestBed.Say($"{before.Primary} -> {after.Primary}: {swapped.Output}");
            await GuestBed.ContentAsync(guest);
        }

        Assert.Equal(bootId, (await guest.StatusAsync()).BootId);
        await client.WaitForLinesAsync(20, GuestBed.Patience);
        Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
    }

    [Fact]
    public async Task A_shadow_is_placed_only_where_QEMU_knows_the_machine_type()
    {
        await using FleetLab lab = await CreateAsync(hosts: 2);
        using FleetClient fleet = await lab.StartFleetAsync(GuestBed.Patience);
        HostView[] hosts = [.. (await fleet.FleetAsync()).Hosts];
        HostView newer = hosts.MaxBy(Newest)!;
        string machine = $"pc-q35-{Newest(newer)}";
        await CreateVmAsync(fleet, machine);
        VmView view = await fleet.WaitForVmAsync(
            Vm, "to have no host for its shadow",
            vm => vm.Guest == GuestState.Running
                && vm.Reason.Contains("does not know the machine type " + machine, StringComparison.Ordinal),
            GuestBed.Patience);
        GuestBed.Say(view.Reason);
        Assert.Equal(newer.Name, view.Primary);
        Assert.Null(view.Shadow);
    }

    private static Version Newest(HostView host) => host.Description!.MachineTypes
        .Where(static type => type.StartsWith("pc-q35-", StringComparison.Ordinal))
        .Max(static type => Version.Parse(type.Split('-')[2]))!;

    private static async Task<FleetLab> CreateAsync(int hosts)
    {
        if (!Environment.IsPrivilegedProcess) Assert.Skip("network namespaces need root");
        if (TestedQemu.WhyNoOther is { } missing) Assert.Skip(missing);
        return await FleetLab.CreateAsync(new LabOptions
        {
            Hosts = hosts,
            QemuProgram = static number => number == 1 ? null : TestedQemu.Other,
        });
    }

    private static Task CreateVmAsync(FleetClient fleet, string machine) => fleet.CreateVmAsync(new CreateVmRequest
    {
        Definition = GuestImage.Build().Define(Name) with { Machine = machine },
        Policy = new ProtectionPolicy { Interval = TimeSpan.FromMilliseconds(100) },
    });

    private static Task<VmView> ProtectedAsync(FleetClient fleet) => fleet.WaitForVmAsync(
        Vm, "to be protected",
        vm => vm is { Protection: ProtectionState.Protected, Guest: GuestState.Running, Shadow: not null },
        GuestBed.Patience);
}
