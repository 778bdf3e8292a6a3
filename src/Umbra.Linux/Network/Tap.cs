using System.Text;
using Umbra.Linux.Interop;
using Umbra.Linux.Processes;

namespace Umbra.Linux.Network;

/// <summary>
/// Tap interfaces that connect guests to a bridge of their host. A tap is made down, and without an address of its own,
/// so that the host says nothing on the guest's network. Needs CAP_NET_ADMIN and the program <c>ip</c>.
/// </summary>
public static unsafe class Tap
{
    /// <summary>Longest interface name, characters (IFNAMSIZ less its zero byte).</summary>
    public const int NameLengthMax = 15;

    private const int InternetFamily = 2, Datagram = 2, CloseOnExec = 0x80000;
    private const int GetFlags = 0x8913, SetFlags = 0x8914, FlagUp = 1, InterfaceRequestBytes = 40, NameBytes = 16;
    private static readonly TimeSpan CommandTimeMax = TimeSpan.FromSeconds(10);

    /// <summary>Whether this network namespace has an interface of that name.</summary>
    public static bool Exists(string name) => Flags(name).IsOk;

    /// <summary>
    /// Makes the persistent tap <paramref name="name"/>, down, as a port of <paramref name="bridge"/>, which must
    /// exist. A tap of that name that is there already is attached and kept. Nothing is left after an error.
    /// </summary>
    public static SystemError? Create(string name, string bridge)
    {
        if (!IsValid(name) || !IsValid(bridge))
            return new SystemError("create tap", $"{name} on {bridge}", Errno.INVAL);
        if (!Exists(bridge)) return new SystemError("create tap", $"{name} on {bridge}", Errno.NODEV, "no such bridge");
        bool existed = Exists(name);
        SystemError? error = existed ? null : Ip("tuntap", "add", "dev", name, "mode", "tap", "vnet_hdr");
        if (error is not null) return error;
        DisableAddresses(name);
        error = Attach(name, bridge);
        if (error is not null && !existed) _ = Delete(name);
        return error;
    }

    /// <summary>Makes the tap a port of <paramref name="bridge"/>; its port already is fine too.</summary>
    public static SystemError? Attach(string name, string bridge) => IsValid(name) && IsValid(bridge)
        ? Ip("link", "set", "dev", name, "master", bridge)
        : new SystemError("attach tap", $"{name} to {bridge}", Errno.INVAL);

    /// <summary>Takes the tap from its bridge; of none already is fine too.</summary>
    public static SystemError? Detach(string name) => IsValid(name)
        ? Ip("link", "set", "dev", name, "nomaster")
        : new SystemError("detach tap", name, Errno.INVAL);

    /// <summary>Removes the tap; none there is fine too.</summary>
    public static SystemError? Delete(string name)
    {
        if (!IsValid(name)) return new SystemError("delete tap", name, Errno.INVAL);
        return Exists(name) ? Ip("link", "delete", "dev", name) : null;
    }

    /// <summary>Sets the link up or down, in microseconds: this is on the way of a swap.</summary>
    public static SystemError? SetUp(string name, bool up)
    {
        Outcome<int> flags = Flags(name);
        if (!flags.IsOk) return flags.Error;
        int wanted = up ? flags.Value | FlagUp : flags.Value & ~FlagUp;
        return wanted == flags.Value ? null : Request(name, SetFlags, wanted).Error;
    }

    /// <summary>Whether the link is set up.</summary>
    public static Outcome<bool> IsUp(string name)
    {
        Outcome<int> flags = Flags(name);
        return flags.IsOk ? (flags.Value & FlagUp) != 0 : flags.Error;
    }

    /// <summary>Whether the kernel takes it as an interface name, and <c>ip</c> as nothing else.</summary>
    public static bool IsValid(string name) =>
        name.Length is > 0 and <= NameLengthMax && name[0] != '-' && name is not ("." or "..")
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private static Outcome<int> Flags(string name) => Request(name, GetFlags, 0);

    private static Outcome<int> Request(string name, int request, int flags)
    {
        if (!IsValid(name)) return new SystemError("ioctl", name, Errno.INVAL, "not an interface name");
        nint opened = Sys.Call(Sys.Socket, InternetFamily, Datagram | CloseOnExec, 0);
        if (opened < 0) return SystemError.Last("socket", name);
        using FileDescriptor socket = new(opened);
        byte* argument = stackalloc byte[InterfaceRequestBytes];
        new Span<byte>(argument, InterfaceRequestBytes).Clear();
        _ = Encoding.ASCII.GetBytes(name, new Span<byte>(argument, NameBytes));
        *(short*)(argument + NameBytes) = (short)flags;
        if (Sys.Call(Sys.Ioctl, socket.Number, request, (nint)argument) < 0)
            return SystemError.Last(request == GetFlags ? "ioctl(SIOCGIFFLAGS)" : "ioctl(SIOCSIFFLAGS)", name);
        return (int)*(ushort*)(argument + NameBytes);
    }

    /// <summary>A port of a bridge needs no address; with IPv6 on, the host would announce one to the guest.</summary>
    private static void DisableAddresses(string name)
    {
        try
        {
            File.WriteAllText($"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "1");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The kernel has no IPv6: nothing to disable.
        }
    }

    private static SystemError? Ip(params string[] arguments)
    {
        string what = string.Join(' ', arguments);
        CommandResult result = Command.Run("ip", arguments, CommandTimeMax);
        if (result.ExitCode == 0) return null;
        string hint = result.ExitCode is null ? "is iproute2 installed? " + result.Error : result.Error.Trim();
        return new SystemError("ip", what, 0, hint);
    }
}
