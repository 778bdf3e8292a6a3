using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Umbra.Linux.Interop;
using Umbra.Linux.Tracking;

namespace Umbra.Linux.Tests.Support;

/// <summary>
/// This same test program, run as a process of its own that injects userfaultfds into a target one after the other
/// until it is killed: the agent that dies at the worst moment.
/// </summary>
internal static class InjectingChild
{
    private const string Variable = "UMBRA_TEST_INJECT_INTO";

    /// <summary>Starts one and returns when it has injected at least once.</summary>
    public static Process Start(int target)
    {
        ProcessStartInfo info = new(Environment.ProcessPath!) { RedirectStandardOutput = true };
        string assembly = typeof(InjectingChild).Assembly.Location;
        if (Path.GetFileNameWithoutExtension(info.FileName) == "dotnet") info.ArgumentList.Add(assembly);
        info.Environment[Variable] = target.ToString(CultureInfo.InvariantCulture);
        Process child = Process.Start(info)!;
        Assert.Equal("injected", child.StandardOutput.ReadLine());
        return child;
    }

    /// <summary>Becomes the child when the variable says so; before any test code runs.</summary>
    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255", Justification = "It is a program.")]
    internal static void RunIfAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } text) return;
        int target = int.Parse(text, CultureInfo.InvariantCulture);
        using FileDescriptor pidfd = Pidfd.Open(target).OrThrow();
        while (true)
        {
            Outcome<InjectedUserFault> injected = UserFaultInjection.Run(target, pidfd);
            if (!injected.IsOk) break;
            injected.Value.Descriptor.Dispose();
            Console.WriteLine("injected");
        }

        Environment.Exit(1);
    }
}
