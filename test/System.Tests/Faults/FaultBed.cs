using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Policy;
using Umbra.Lab;
using Umbra.Testing;
using Xunit;

namespace Umbra.System.Tests.Faults;

/// <summary>
/// Three hosts, a controller, and one protected guest with an outside client that never lets go of its connection. The
/// tests of a run share it, for every one of them ends with everything healed; one that fails gets the next a new bed.
/// </summary>
public sealed class FaultBed : IAsyncDisposable
{
    /// <summary>All of a guest's memory.</summary>
    public const long Pages = MemoryBytes / Sizes.Page;

    /// <summary>All of its disk.</summary>
    public const long Blocks = 64L * Sizes.MiB / Sizes.Block;

    /// <summary>Longest wait for anything to be well again.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private const string Name = "web";
    private const long MemoryBytes = 256L * Sizes.MiB;
    private const long StateBytes = 640L * Sizes.MiB;

    private FleetLab? _lab;
    private FleetClient? _fleet;
    private GuestClient? _client;
    private bool _isSound;
    private TimeSpan _longestGap;

    /// <summary>The VM.</summary>
    public static VmId Vm { get; } = new(Name);

    /// <summary>Whether every count is to be in full.</summary>
    public static bool IsLong => Environment.GetEnvironmentVariable("UMBRA_LONG") == "1";

    /// <summary>The lab.</summary>
    public FleetLab Lab => _lab!;

    /// <summary>The controller's API.</summary>
    public FleetClient Fleet => _fleet!;

    /// <summary>The one connection to the guest.</summary>
    public GuestClient Client => _client!;

    /// <summary>Commands to the guest.</summary>
    public GuestConsole Console { get; private set; } = null!;

    /// <summary>How often a fault is made in a long run.</summary>
    public const int CountMax = 20;

    /// <summary>What of its disk the guest writes to: more than the host's log of the writes may have.</summary>
    public const long GuestLogBytes = 24L * Sizes.MiB;

    /// <summary>How often it is made in this run.</summary>
    public static int Count(int quick) => IsLong ? CountMax : quick;

    /// <summary>Begins a test: everything is there and well, or the test is skipped with the reason.</summary>
    public async Task BeginAsync()
    {
        if (!Environment.IsPrivilegedProcess) Assert.Skip("network namespaces need root");
        if (TestedQemu.WhyMissing is { } missing) Assert.Skip(missing);
        if (!_isSound)
        {
            await DisposeAsync();
            await StartAsync();
        }

        _isSound = false;
        await HealedAsync();
        _longestGap = TimeSpan.Zero;
        Client.Mark();
    }

    /// <summary>A fault begins: gaps of the client count from here.</summary>
    public void BeginFault() => Client.Mark();

    /// <summary>A fault is over: how long the client heard nothing meanwhile.</summary>
    public TimeSpan EndFault()
    {
        TimeSpan gap = Client.GapSinceMark;
        Say($"the client's longest gap: {gap.TotalMilliseconds:0} ms");
        if (gap > _longestGap) _longestGap = gap;
        return gap;
    }

    /// <summary>
    /// Ends a test that went well: the guest checks itself, the shadow is compared, all must be right.
    /// </summary>
    /// <param name="gapMax">Longest time the client may have heard nothing during any of the faults.</param>
    public async Task EndAsync(TimeSpan gapMax)
    {
        await HealedAsync();
        await GuestIsContentAsync();
        CommandResult verified = await Lab.TryUmbraAsync("vm", "verify", Name);
        Assert.True(verified.ExitCode == 0, $"umbra vm verify: {verified.Output}{verified.Error}");
        _isSound = true;
        Say($"longest gap of all faults: {_longestGap.TotalMilliseconds:0} ms");
        Assert.True(_longestGap <= gapMax, $"the client heard nothing for {_longestGap}");
    }

    /// <summary>
    /// After a takeover, which goes back to an epoch: a new connection, and how long the old one had heard nothing.
    /// </summary>
    public async Task ReconnectAsync()
    {
        GuestClient old = Client;
        _client = await GuestClient.ConnectAsync(Lab.ClientDoor, GuestImage.AddressDefault, Patience);
        await Client.WaitForLinesAsync(1, Patience);
        Say($"the guest answered again after {old.GapSinceMark.TotalMilliseconds:0} ms");
        await old.DisposeAsync();
    }

    /// <summary>The guest's own check finds nothing, and the connection has missed nothing.</summary>
    public async Task GuestIsContentAsync()
    {
        await Client.WaitForLinesAsync(5, Patience);
        GuestStatus status = await Console.VerifyAsync();
        Assert.True(status is { RamErrors: 0, DiskErrors: 0 }, $"the guest: {status.FirstError}");
        GuestRecord record = Client.Record;
        Assert.True(record.IsSound, record.Broken ?? record.Fault ?? "no line came");
    }

    /// <summary>The VM as the controller sees it.</summary>
    public Task<VmView> ViewAsync() => Fleet.VmAsync(Vm);

    /// <summary>Waits until the VM is as wanted.</summary>
    public Task<VmView> WaitAsync(string what, Func<VmView, bool> isSo) =>
        Fleet.WaitForVmAsync(Vm, what, isSo, Patience);

    /// <summary>
    /// Waits until the VM is protected and a second's worth of epochs beyond those that were known has arrived.
    /// </summary>
    public async Task<VmView> HealedAsync(EpochNumber beyond = default)
    {
        ulong before = Math.Max(beyond.Value, (await ViewAsync()).PrimaryStatus?.Sync.Acknowledged.Value ?? 0);
        return await WaitAsync("to be protected by new epochs", vm => vm.Protection == ProtectionState.Protected
            && vm.PrimaryStatus?.Sync.Acknowledged.Value > before + 10);
    }

    /// <summary>The host that runs the VM.</summary>
    public async Task<LabHost> PrimaryAsync() => Lab.Host((await ViewAsync()).Primary);

    /// <summary>The host that holds its shadow.</summary>
    public async Task<LabHost> ShadowAsync() => Lab.Host((await ViewAsync()).Shadow!.Value);

    /// <summary>Changes the policy as an administrator would.</summary>
    public async Task ProtectAsync(params string[] options)
    {
        CommandResult changed = await Lab.TryUmbraAsync(["protect", Name, .. options]);
        Assert.True(changed.ExitCode == 0, changed.Output + changed.Error);
    }

    /// <summary>
    /// Cuts the link until the guest has written all that it writes to of its disk, once: more than the host's log of
    /// the disk's writes may have.
    /// </summary>
    public async Task OutrunLogAsync()
    {
        LabHost shadow = await ShadowAsync();
        shadow.CutManagement();
        await WaitAsync("to be degraded", vm => vm.Protection is not ProtectionState.Protected);
        await Console.SendAsync("rate ram 0");
        await Console.SendAsync("rate disk max");
        GuestStatus now, first = await Console.StatusAsync();
        do now = await Console.StatusAsync();
        while (now.Ops - first.Ops < GuestLogBytes / Sizes.Page);
        await Console.SendAsync("rate disk 50");
        await Console.SendAsync("rate ram 2000");
        shadow.HealManagement();
    }

    /// <summary>The newest events, for the test's output.</summary>
    public async Task SayEventsAsync()
    {
        EventPage page = await Fleet.EventsAsync(0);
        foreach (FleetEvent one in page.Events.TakeLast(15)) Say($"{one.Time:HH:mm:ss.fff} {one.Kind} {one.Text}");
    }

    /// <summary>A figure or step, for the test's output.</summary>
    public static void Say(string text) => TestContext.Current.TestOutputHelper?.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:HH:mm:ss.fff} {text}"));

    /// <summary>
    /// Does <paramref name="fault"/> again and again, each time at another instant of an epoch, and has the guest check
    /// itself after each. The seed is printed; <c>UMBRA_SEED</c> repeats it.
    /// </summary>
    public async Task RepeatAsync(int count, Func<Random, Task> fault)
    {
        int seed = int.TryParse(
            Environment.GetEnvironmentVariable("UMBRA_SEED"), CultureInfo.InvariantCulture, out int asked)
            ? asked
            : Random.Shared.Next();
        Say($"seed {seed}; {count} of {CountMax} times{(count < CountMax ? " (UMBRA_LONG=1: all)" : "")}");
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            await Task.Delay(random.Next(200));
            BeginFault();
            await fault(random);
            EndFault();
            await GuestIsContentAsync();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_client is not null) await _client.DisposeAsync();
        _fleet?.Dispose();
        if (_lab is not null) await _lab.DisposeAsync();
        (_client, _fleet, _lab) = (null, null, null);
    }

    private async Task StartAsync()
    {
        _lab = await FleetLab.CreateAsync(new LabOptions { Hosts = 3, StateBytes = static _ => StateBytes });
        _fleet = await Lab.StartFleetAsync(Patience);
        VmDefinition definition = GuestImage.Build().Define(Name, workload: $"umbra.disk={GuestLogBytes / Sizes.MiB}M");
        await Fleet.CreateVmAsync(new CreateVmRequest
        {
            Definition = definition with { MemoryBytes = MemoryBytes },
            Policy = new ProtectionPolicy
            {
                Interval = TimeSpan.FromMilliseconds(100), DiskLogBytes = PolicyRules.DiskLogBytesMin,
            },
        });
        _client = await GuestClient.ConnectAsync(Lab.ClientDoor, GuestImage.AddressDefault, Patience);
        Console = new GuestConsole(Lab.ClientDoor, GuestImage.AddressDefault);
        await WaitAsync("to be protected", vm => vm.Protection == ProtectionState.Protected);
    }
}

/// <summary>The tests that share a <see cref="FaultBed"/>.</summary>
[CollectionDefinition(Name)]
public sealed class FaultBedTests : ICollectionFixture<FaultBed>
{
    public const string Name = "fault bed";
}
