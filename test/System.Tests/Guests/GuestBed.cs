using System.Globalization;
using System.Text.Json;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Umbra.Testing;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>
/// Three hosts, a controller and one protected guest under load, shared by tests that each leave it running and
/// protected, on whatever host; one that fails gets the next a new bed.
/// </summary>
public sealed class GuestBed : IAsyncDisposable
{
    /// <summary>The guest's name.</summary>
    public const string Name = "guest";

    /// <summary>Longest wait for any one thing.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private static readonly string[] s_phases =
    [
        SwapPhases.Prepare, SwapPhases.Pause, SwapPhases.FinalEpoch, SwapPhases.Verify, SwapPhases.Commit,
        SwapPhases.Load, SwapPhases.Fence, SwapPhases.Resume, SwapPhases.Announce, SwapPhases.Isolate,
    ];

    /// <summary>The lab's make; to be set before the first test begins.</summary>
    public LabOptions Options { get; init; } = new() { Hosts = 3 };

    private static readonly string[] s_intervalDefault = ["--interval", "100ms"];

    private FleetLab? _lab;
    private FleetClient? _fleet;
    private bool _isSound;

    /// <summary>The guest.</summary>
    public static VmId Vm { get; } = new(Name);

    /// <summary>The lab.</summary>
    public FleetLab Lab => _lab!;

    /// <summary>The controller's API.</summary>
    public FleetClient Fleet => _fleet!;

    /// <summary>The guest's own voice.</summary>
    public GuestConsole Guest { get; private set; } = null!;

    /// <summary>A figure or step, for the test's output.</summary>
    public static void Say(string text) => TestContext.Current.TestOutputHelper?.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:HH:mm:ss.fff} {text}"));

    /// <summary>Begins a test: the guest runs and is protected, or the test is skipped with the reason.</summary>
    public async Task<VmView> BeginAsync(params string[] policy)
    {
        if (!Environment.IsPrivilegedProcess) Assert.Skip("network namespaces need root");
        if (TestedQemu.WhyMissing is { } missing) Assert.Skip(missing);
        if (!_isSound)
        {
            await DisposeAsync();
            await StartAsync();
        }

        _isSound = false;
        await UmbraAsync(["protect", Name, .. policy.Length > 0 ? policy : s_intervalDefault]);
        return await ProtectedAsync();
    }

    /// <summary>Ends a test that went well.</summary>
    public void End() => _isSound = true;

    /// <summary>Waits until a VM is protected by epochs that were cut from now on.</summary>
    public async Task<VmView> ProtectedAsync(VmId? name = null)
    {
        VmId vm = name ?? Vm;
        VmView before = await Fleet.VmAsync(vm);
        EpochNumber known = before.PrimaryStatus?.Sync.Acknowledged ?? EpochNumber.None;
        return await Fleet.WaitForVmAsync(
            vm, "to be protected by new epochs",
            view => view is { Guest: GuestState.Running, Protection: ProtectionState.Protected, Shadow: not null }
                && view.PrimaryStatus!.Sync is { Epochs: > 0 } sync
                && (view.Generation != before.Generation || sync.Acknowledged > known),
            Patience);
    }

    /// <summary>A connection to the guest's stream.</summary>
    public Task<GuestClient> ConnectAsync(string address = GuestImage.AddressDefault) =>
        GuestClient.ConnectAsync(Lab.ClientDoor, address, Patience);

    /// <summary>Runs the CLI, which must succeed.</summary>
    public async Task<CommandResult> UmbraAsync(params string[] arguments)
    {
        CommandResult result = await Lab.TryUmbraAsync(arguments);
        string said = $"umbra {string.Join(' ', arguments)}: {result.ExitCode} {result.Error}{result.Output}";
        Assert.True(result.ExitCode == 0, $"{said}\n{Lab.Diagnosis()}");
        return result;
    }

    /// <summary>Has the CLI do something to a VM once and reads its result, which must be a success.</summary>
    public async Task<VmActionResult> ActAsync(params string[] arguments)
    {
        CommandResult result = await UmbraAsync([.. arguments, "--output", "json"]);
        VmActionResult done = JsonSerializer.Deserialize<ActionView>(result.Output, FleetJson.Options)!.Result!;
        Assert.True(done.Succeeded, done.Detail);
        return done;
    }

    /// <summary>Every page and block of the shadow equals the primary's, at one epoch.</summary>
    public async Task<VmActionResult> VerifyAsync(string name = Name)
    {
        VmActionResult result = await ActAsync("vm", "verify", name);
        Assert.Contains("are equal", result.Detail, StringComparison.Ordinal);
        return result;
    }

    /// <summary>Swaps, checks where the VM runs now and that its guest finds all it had; the swap's blackout.</summary>
    public async Task<TimeSpan> SwapAsync(GuestConsole guest, string name = Name, params string[] options)
    {
        VmView before = await Fleet.VmAsync(new VmId(name));
        VmActionResult result = await ActAsync(["swap", name, .. options]);
        VmView after = await Fleet.WaitForVmAsync(
            new VmId(name), "to run on its shadow",
            vm => vm.Primary == before.Shadow && vm.Guest == GuestState.Running, Patience);
        Assert.Equal(before.Generation.Next, after.Generation);
        Assert.Equal(s_phases, result.Phases.Select(static phase => phase.Name));
        Assert.All(result.Phases, static phase => Assert.True(phase.Duration > TimeSpan.Zero, phase.ToString()));
        TimeSpan blackout = SwapPhases.Blackout(result.Phases)!.Value;
        Say($"{name}: {before.Primary} -> {after.Primary}, blackout {blackout.TotalMilliseconds:0.0} ms: "
            + string.Join(", ", result.Phases.Select(p => $"{p.Name} {p.Duration.TotalMilliseconds:0.0}")));
        await ContentAsync(guest);
        return blackout;
    }

    /// <summary>The guest's own check of all its memory and disks finds nothing wrong.</summary>
    public static async Task<GuestStatus> ContentAsync(GuestConsole guest)
    {
        GuestStatus status = await guest.VerifyAsync();
        Assert.True(
            status is { RamErrors: 0, DiskErrors: 0, RamVerified: > 0, DiskVerified: > 0 },
            $"the guest: {status.FirstError}");
        return status;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _fleet?.Dispose();
        if (_lab is not null) await _lab.DisposeAsync();
        (_fleet, _lab, _isSound) = (null, null, false);
    }

    private async Task StartAsync()
    {
        _lab = await FleetLab.CreateAsync(Options);
        _fleet = await Lab.StartFleetAsync(Patience);
        await Fleet.CreateVmAsync(new CreateVmRequest
        {
            Definition = GuestImage.Build().Define(Name),
            Policy = new ProtectionPolicy { Interval = TimeSpan.FromMilliseconds(100) },
        });
        await using GuestClient booted = await ConnectAsync();
        Guest = new GuestConsole(Lab.ClientDoor, GuestImage.AddressDefault);
        VmView view = await Fleet.WaitForVmAsync(
            Vm, "to be protected", vm => vm.Protection == ProtectionState.Protected, Patience);
        Say($"seeded in {view.PrimaryStatus!.Sync.SeedTime.TotalSeconds:0.0} s");
    }
}

/// <summary>The tests that share a <see cref="GuestBed"/>.</summary>
[CollectionDefinition(Name)]
public sealed class GuestBedTests : ICollectionFixture<GuestBed>
{
    public const string Name = "guest bed";
}
