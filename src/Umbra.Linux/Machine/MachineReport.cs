using System.Globalization;
using System.Runtime.InteropServices;
using Umbra.Core.Basics;
using Umbra.Linux.Native;
using Umbra.Linux.Processes;
using Umbra.Linux.ProcFs;

namespace Umbra.Linux.Machine;

/// <summary>How much depends on an item.</summary>
public enum Need
{
    /// <summary>The agent does not run without it.</summary>
    Required,

    /// <summary>The agent runs without it, slower or with fewer features.</summary>
    Recommended,

    /// <summary>Nice to know.</summary>
    Informative,
}

/// <summary>One thing that a machine has, or lacks.</summary>
/// <param name="Name">What.</param>
/// <param name="Need">How much depends on it.</param>
/// <param name="IsOk">Whether it is there and works.</param>
/// <param name="Detail">What was found, or the reason why not.</param>
/// <param name="Advice">What to do; empty when fine.</param>
public sealed record MachineItem(string Name, Need Need, bool IsOk, string Detail, string Advice);

/// <summary>What this machine allows: every item was tried or read now, on this machine, by this process.</summary>
/// <param name="Items">In the order in which people want to read them.</param>
public sealed record MachineReport(IReadOnlyList<MachineItem> Items)
{
    private const string NewKernel = "boot Linux 6.7 or newer (Debian: linux-image-amd64 from backports)";
    private const string MoreRights = "run as root, or with CAP_SYS_PTRACE, and outside of a container's sandbox";
    private static readonly string[] EmulatorNames = ["qemu-system-x86_64", "qemu-kvm"];
    private static readonly TimeSpan VersionTimeMax = TimeSpan.FromSeconds(10);

    /// <summary>The oldest kernel with asynchronous write tracking.</summary>
    public static Version KernelMin { get; } = new(6, 7);

    /// <summary>
    /// Looks at everything. Takes some tenths of a second (it starts each QEMU once for its version).
    /// </summary>
    public static MachineReport Inspect()
    {
        List<MachineItem> items = [.. Essentials()];
        items.Add(Tried("kvm", Need.Recommended, KernelProbe.Kvm(), "KVM makes virtual machines",
            "enable virtualisation in the firmware, load kvm_intel or kvm_amd; without it guests run emulated (TCG)"));
        items.AddRange(Emulators());
        items.Add(SharedMemory());
        items.Add(Swap());
        items.Add(ControlGroupsItem());
        items.Add(HugePages());
        items.Add(Rdma());
        return new MachineReport(items);
    }

    /// <summary>
    /// The items without which the agent does not run, or runs slower. No program is started but <c>sleep</c>.
    /// </summary>
    internal static IEnumerable<MachineItem> Essentials()
    {
        yield return Architecture();
        yield return Kernel();
        yield return Tried("userfaultfd", Need.Recommended, KernelProbe.UserFaultCall(), "can be made", NewKernel);
        yield return Tried("page tracking", Need.Recommended, KernelProbe.PageTracking(),
            "PAGEMAP_SCAN reports just the page that was written", NewKernel + "; until then memory is hashed instead");
        (SystemError? trace, SystemError? take) = KernelProbe.OtherProcess();
        yield return Tried("ptrace", Need.Recommended, trace, "another process can be seized", MoreRights);
        yield return Tried("pidfd_getfd", Need.Recommended, take,
            "another process's descriptors can be taken", MoreRights);
        foreach ((string file, string package) in NativeLibraries.Needed)
        {
            string? missing = NativeLibraries.Missing(file);
            yield return new MachineItem(file, Need.Required, missing is null, missing ?? "loaded",
                missing is null ? "" : $"apt-get install {package}");
        }
    }

    private static MachineItem Tried(string name, Need need, SystemError? error, string works, string advice) =>
        new(name, need, error is null, error?.Message ?? works, error is null ? "" : advice);

    private static MachineItem Architecture()
    {
        bool good = RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64;
        return new MachineItem("processor", Need.Required, good, Processor(), good ? "" : "only x86-64 is supported");
    }

    private static string Processor()
    {
        string text = TextFile.TryRead("/proc/cpuinfo") ?? "";
        string model = KernelText.ProcessorModel(text) ?? RuntimeInformation.ProcessArchitecture.ToString();
        return $"{KernelText.ProcessorCount(text)} x {model}";
    }

    private static MachineItem Kernel()
    {
        string release = (TextFile.TryRead("/proc/sys/kernel/osrelease") ?? "").Trim();
        bool good = KernelText.KernelVersion(release) >= KernelMin;
        return new MachineItem("kernel", Need.Recommended, good, release, good ? "" : NewKernel);
    }

    private static IEnumerable<MachineItem> Emulators()
    {
        string path = Environment.GetEnvironmentVariable("PATH") ?? "";
        // Merged systems have /bin as a link to /usr/bin: each program is to be listed once.
        IEnumerable<string> directories = path.Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Append("/usr/bin").Append("/usr/libexec").Distinct()
            .Where(directory => new DirectoryInfo(directory).LinkTarget is null);
        List<string> programs =
        [
            .. from directory in directories
               from name in EmulatorNames
               let file = Path.Combine(directory, name)
               where File.Exists(file)
               select file,
        ];
        if (programs.Count == 0)
            yield return new MachineItem("qemu", Need.Required, false, "none found", "apt-get install qemu-system-x86");
        foreach (string program in programs)
        {
            CommandResult version = Command.Run(program, ["--version"], VersionTimeMax);
            string said = version.ExitCode == 0 ? version.Output.Split('\n')[0] : version.Error.Trim();
            yield return new MachineItem("qemu", Need.Required, version.ExitCode == 0, $"{program}: {said}",
                version.ExitCode == 0 ? "" : "reinstall it");
        }
    }

    private static MachineItem SharedMemory()
    {
        const string mount = "/dev/shm";
        const string advice = "mount a tmpfs there, large enough for the guests' RAM";
        try
        {
            DriveInfo drive = new(mount);
            bool good = drive.DriveFormat == "tmpfs";
            return new MachineItem(mount, Need.Required, good,
                $"{drive.DriveFormat}, {Gib(drive.AvailableFreeSpace)} of {Gib(drive.TotalSize)} free",
                good ? "" : advice);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new MachineItem(mount, Need.Required, false, e.Message, advice);
        }
    }

    private static MachineItem Swap()
    {
        // A dirty page that is swapped out before the next scan leaves no trace in the emulator's page table.
        long bytes = KernelText.MemoryBytes(TextFile.TryRead("/proc/meminfo") ?? "", "SwapTotal") ?? 0;
        return new MachineItem("swap", Need.Recommended, bytes == 0, bytes == 0 ? "off" : $"{Gib(bytes)} of swap space",
            bytes == 0 ? "" : "swapoff -a, or start guests with -overcommit mem-lock=on: a page swapped out between"
                + " two scans may be missed");
    }

    private static MachineItem ControlGroupsItem()
    {
        ControlGroups groups = ControlGroups.Parse(TextFile.TryRead("/proc/mounts") ?? "");
        bool good = groups.Layout != ControlGroupLayout.None;
        string version = groups.Layout switch
        {
            ControlGroupLayout.Version1 => "version 1",
            ControlGroupLayout.Version2 => "version 2",
            ControlGroupLayout.Hybrid => "version 1, and version 2 beside it",
            _ => "none mounted",
        };
        return new MachineItem("cgroups", Need.Informative, good, version,
            good ? "" : "mount cgroup2 on /sys/fs/cgroup");
    }

    private static MachineItem HugePages()
    {
        string count = TextFile.TryRead("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")?.Trim() ?? "0";
        bool some = int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int pages) && pages > 0;
        return new MachineItem("hugepages", Need.Informative, true,
            some ? $"{pages} of 2 MiB; deltas of guests on them are of 2 MiB grain" : "none reserved", "");
    }

    private static MachineItem Rdma()
    {
        string[] devices = Directory.Exists("/sys/class/infiniband")
            ? [.. Directory.GetDirectories("/sys/class/infiniband").Select(d => Path.GetFileName(d)!)]
            : [];
        return new MachineItem("rdma", Need.Informative, devices.Length > 0,
            devices.Length > 0 ? string.Join(' ', devices) : "no device",
            devices.Length > 0 ? "" : "pairs use TCP; an RDMA device makes syncs cheaper");
    }

    private static string Gib(long bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{(double)bytes / Sizes.GiB:F1} GiB");
}
