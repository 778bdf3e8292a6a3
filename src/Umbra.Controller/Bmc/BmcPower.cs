using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Umbra.Core.Health;
using Umbra.Core.Health.Ipmi;

namespace Umbra.Controller.Bmc;

/// <summary>Whether a host is proven to be off.</summary>
/// <param name="IsOff">Its BMC has said so.</param>
/// <param name="Text">How, or why not, for people.</param>
public sealed record PowerProof(bool IsOff, string Text);

/// <summary>Turns hosts off through their BMCs, by ipmitool, and reads back whether they are.</summary>
/// <param name="time">The clock.</param>
/// <param name="timeMax">How long one power-off may take before nothing is proven.</param>
/// <param name="privilege">The level of the session: turning a host off takes OPERATOR.</param>
public sealed class BmcPower(TimeProvider time, TimeSpan timeMax, string privilege = "OPERATOR")
{
    /// <summary>A caller of the API waits no longer than this.</summary>
    public static readonly TimeSpan TimeMaxDefault = TimeSpan.FromSeconds(40);

    private const int OutputCharsMax = 64 * 1024;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Turns the host off, unless it is already, and waits for its BMC to say that it is.</summary>
    public async Task<PowerProof> TurnOffAsync(BmcAccess access, CancellationToken stop)
    {
        if (IpmiEndpoint.TryParse(access.Address, out string error) is not { } endpoint)
            return new PowerProof(false, error);
        long began = time.GetTimestamp();
        TimeSpan Left() => timeMax - time.GetElapsedTime(began);
        var sequence = new PowerOff();
        string reason = "";
        while (true)
        {
            Answer status = await RunAsync(endpoint, access, ["status"], Left(), stop).ConfigureAwait(false);
            PowerState state = status.IsOk ? ChassisPower.Parse(status.Text) : PowerState.Unknown;
            if (state == PowerState.On) reason = "it says that it is still on";
            else if (reason.Length == 0 || Left() > TimeSpan.Zero) reason = status.Text;
            switch (sequence.On(state, Left() <= TimeSpan.Zero || status.IsRefusal))
            {
                case PowerOffStep.Proven:
                    return new PowerProof(true, sequence.WasOff
                        ? $"its BMC {endpoint.Host} says that it is off already"
                        : $"its BMC {endpoint.Host} turned it off and says that it is off");
                case PowerOffStep.GiveUp:
                    return new PowerProof(false, $"its BMC {endpoint.Host} does not say that it is off: {reason}");
                case PowerOffStep.TurnOff:
                    Answer order = await RunAsync(endpoint, access, ["off"], Left(), stop).ConfigureAwait(false);
                    if (order.IsRefusal) return new PowerProof(false, $"its BMC does not turn it off: {order.Text}");
                    break;
                case PowerOffStep.AskAgain:
                    await Task.Delay(Pause, time, stop).ConfigureAwait(false);
                    break;
            }
        }
    }

    private async Task<Answer> RunAsync(
        IpmiEndpoint endpoint, BmcAccess access, string[] words, TimeSpan timeMax, CancellationToken stop)
    {
        if (timeMax <= TimeSpan.Zero) return new Answer(false, false, "no time is left");
        var info = new ProcessStartInfo("ipmitool", [
            "-I", "lanplus", "-C", "3", "-L", privilege, "-N", "2", "-R", "3", "-v", "-H", endpoint.Host,
            "-p", endpoint.Port.ToString(CultureInfo.InvariantCulture), "-U", endpoint.User, "-E",
            "chassis", "power", .. words])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        // Of a process everybody sees the arguments, but only its own user and root the environment.
        info.Environment["IPMI_PASSWORD"] = access.Password;
        info.Environment["LC_ALL"] = "C";
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(timeMax);
        try
        {
            using Process process = Process.Start(info)!;
            return await RunAsync(process, deadline.Token, stop).ConfigureAwait(false);
        }
        catch (Win32Exception e)
        {
            return new Answer(false, true, $"ipmitool could not be started on the controller's machine: {e.Message}");
        }
    }

    private static async Task<Answer> RunAsync(Process process, CancellationToken deadline, CancellationToken stop)
    {
        try
        {
            process.StandardInput.Close();
            var output = ReadAsync(process.StandardOutput, deadline);
            var errors = ReadAsync(process.StandardError, deadline);
            await Task.WhenAll(output, errors).ConfigureAwait(false);
            await process.WaitForExitAsync(deadline).ConfigureAwait(false);
            if (process.ExitCode == 0) return new Answer(true, false, await output.ConfigureAwait(false));
            ReadOutcome why = IpmiWords.Explain(await errors.ConfigureAwait(false));
            return new Answer(false, why.Report is not null, why.Report?.Error ?? why.Silence);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            stop.ThrowIfCancellationRequested();
            return new Answer(false, false, "the BMC does not answer");
        }
        catch (InvalidDataException e)
        {
            process.Kill(entireProcessTree: true);
            return new Answer(false, true, e.Message);
        }
    }

    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken stop)
    {
        char[] buffer = new char[OutputCharsMax];
        int count = await reader.ReadBlockAsync(buffer, stop).ConfigureAwait(false);
        return count < OutputCharsMax
            ? new string(buffer, 0, count)
            : throw new InvalidDataException($"ipmitool wrote more than {OutputCharsMax} characters");
    }

    // A refusal is final: asking again changes nothing.
    private sealed record Answer(bool IsOk, bool IsRefusal, string Text);
}
