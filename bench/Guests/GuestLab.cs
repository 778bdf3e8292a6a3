using System.Diagnostics;
using System.Globalization;
using System.Text;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Bench.Guests;

/// <summary>A lab of three hosts with one guest after another, each with a workload of its own.</summary>
public sealed class GuestLab : IAsyncDisposable
{
    /// <summary>Longest wait for any one thing.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private const string Name = "bench";
    private const int JobPort = 7002;
    private const long FilledDefault = 96L * Sizes.MiB;

    // A guest fills its memory, and is copied, at tens of MB a second where nothing speeds it up.
    private static readonly TimeSpan PatiencePerGiB = TimeSpan.FromSeconds(60);

    private readonly TimeSpan _patience;

    private GuestLab(FleetLab lab, FleetClient fleet, TimeSpan patience)
    {
        _patience = patience;
        Lab = lab;
        Fleet = fleet;
        Console = new GuestConsole(lab.ClientDoor, GuestImage.AddressDefault);
    }

    /// <summary>The guest's name.</summary>
    public static VmId Vm { get; } = new(Name);

    /// <summary>The lab.</summary>
    public FleetLab Lab { get; }

    /// <summary>The controller's API.</summary>
    public FleetClient Fleet { get; }

    /// <summary>The guest's own voice.</summary>
    public GuestConsole Console { get; }

    /// <summary>Name of the guest's first monitor, and of its RAM, under <see cref="DirectoryOf"/>.</summary>
    public const string Monitor = "qmp";

    /// <summary>Starts the fleet; its hosts take VMs of <paramref name="vmBytes"/> at least.</summary>
    public static async Task<GuestLab> CreateAsync(int hosts, long vmBytes = 0)
    {
        var options = new LabOptions { Hosts = hosts };
        options = options with { VmMemoryBytes = Math.Max(options.VmMemoryBytes, vmBytes) };
        FleetLab lab = await FleetLab.CreateAsync(options);
        try
        {
            TimeSpan patience = Patience + (PatiencePerGiB * ((double)vmBytes / Sizes.GiB));
            return new GuestLab(lab, await lab.StartFleetAsync(Patience), patience);
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>Directory of the guest's sockets and RAM on a host.</summary>
    public static string DirectoryOf(LabHost host) => Path.Combine(host.MemoryDirectory, Name);

    /// <summary>Where the guest runs.</summary>
    public async Task<LabHost> PrimaryAsync() => Lab.Host((await Fleet.VmAsync(Vm)).Primary);

    /// <summary>Kernel and initial RAM disk, the one with real programs in it.</summary>
    public static GuestImage BuildImage()
    {
        string directory = Path.Combine(UmbraProgram.RepositoryRoot, ".cache", "guest");
        ShellCommand.Run(Path.Combine(UmbraProgram.RepositoryRoot, "guest", "jobs.sh"), directory);
        return new GuestImage(Path.Combine(directory, "vmlinuz"), Path.Combine(directory, "initrd-jobs.img"));
    }

    /// <summary>Kernel options of a workload that fills and writes so much of its memory.</summary>
    public static string OptionsOf(Workload workload, long filledBytes = FilledDefault)
    {
        string job = workload.Job.Length > 0 ? " umbra.job=" + workload.Job : "";
        return $"umbra.ram={filledBytes / Sizes.MiB}M umbra.hot=20 umbra.rate={workload.PageWritesPerSecond} "
            + $"umbra.diskrate={workload.DiskWritesPerSecond}{job}";
    }

    /// <summary>Creates the guest, not protected yet, and waits until its workload runs.</summary>
    public async Task<VmView> CreateVmAsync(
        Workload workload, long memoryBytes, long filledBytes = FilledDefault)
    {
        VmDefinition definition = BuildImage().Define(Name, workload: OptionsOf(workload, filledBytes));
        var data = new DiskDefinition { Id = "disk1", Bytes = 128L * Sizes.MiB };
        await Fleet.CreateVmAsync(new CreateVmRequest
        {
            Definition = definition with { MemoryBytes = memoryBytes, Disks = [.. definition.Disks, data] },
            Policy = new ProtectionPolicy { Enabled = false },
        });
        await (await GuestClient.ConnectAsync(Lab.ClientDoor, GuestImage.AddressDefault, _patience)).DisposeAsync();
        await WaitForJobAsync(workload);
        return await Fleet.WaitForVmAsync(Vm, "to run", vm => vm.Guest == GuestState.Running, _patience);
    }

    /// <summary>Removes the guest.</summary>
    public async Task RemoveVmAsync()
    {
        await Lab.UmbraAsync("vm", "delete", Name, "--force");
        await Fleet.WaitAsync("the guest to be gone", fleet => fleet.Vms.Count == 0, _patience);
    }

    /// <summary>Protects it at this interval and waits until epochs flow.</summary>
    public async Task<VmView> ProtectAsync(TimeSpan interval, DiskMode diskMode = DiskMode.Mirror)
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"{interval.TotalMilliseconds}ms");
        await Lab.UmbraAsync("protect", Name, "--interval", text, "--disk-mode", diskMode.ToString());
        return await ProtectedAsync();
    }

    /// <summary>Waits until epochs flow on a complete shadow.</summary>
    public async Task<VmView> ProtectedAsync()
    {
        VmView known = await Fleet.VmAsync(Vm);
        EpochNumber last = known.PrimaryStatus?.Sync.Acknowledged ?? EpochNumber.None;
        return await Fleet.WaitForVmAsync(
            Vm, "to be protected",
            vm => vm is { Protection: ProtectionState.Protected, Shadow: not null, Guest: GuestState.Running }
                && vm.PrimaryStatus?.Sync is { Progress: 1, Epochs: > 2 } sync && sync.Acknowledged > last,
            _patience);
    }

    /// <summary>Gives the shadow up and waits until nothing of it is left at the guest.</summary>
    public async Task UnprotectAsync()
    {
        await Lab.UmbraAsync("unprotect", Name);
        await Fleet.WaitForVmAsync(
            Vm, "to be without a shadow",
            vm => vm is { Shadow: null, Protection: ProtectionState.Unprotected, Guest: GuestState.Running },
            _patience);
    }

    /// <summary>Operations that the guest has done so far: of its job, or of its own workload.</summary>
    public async Task<long> OperationsAsync(Workload workload) =>
        workload.Job.Length > 0 ? await JobOperationsAsync() : (await Console.StatusAsync()).Ops;

    /// <summary>Operations per second over a while.</summary>
    public async Task<double> SpeedAsync(Workload workload, TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        long before = await OperationsAsync(workload);
        using var timer = new PeriodicTimer(time);
        await timer.WaitForNextTickAsync();
        long after = await OperationsAsync(workload);
        return (after - before) / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Fleet.Dispose();
        await Lab.DisposeAsync();
    }

    private async Task WaitForJobAsync(Workload workload)
    {
        if (workload.Job.Length == 0) return;
        await Wait.UntilAsync(
            $"the job {workload.Job} to begin", async () => await JobOperationsAsync() > 2, _patience);
    }

    private async Task<long> JobOperationsAsync()
    {
        const int attempts = 20;
        for (int attempt = 0; attempt < attempts; attempt++)
        {
            try
            {
                using var late = new CancellationTokenSource(TimeSpan.FromSeconds(5));
                await using Stream stream = await Lab.ClientDoor.ConnectAsync(
                    GuestImage.AddressDefault, JobPort, late.Token);
                await stream.WriteAsync(Encoding.ASCII.GetBytes("GET /ops HTTP/1.0\r\n\r\n"), late.Token);
                using var reader = new StreamReader(stream);
                string answer = await reader.ReadToEndAsync(late.Token);
                string count = answer.TrimEnd().Split('\n')[^1];
                if (long.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out long ops)) return ops;
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // Its server is not there yet.
            }
        }

        return 0;
    }
}
