using Umbra.Core.Api;

namespace Umbra.Cli;

/// <summary>Waiting for a VM or an action, with progress, a deadline and a clear end.</summary>
internal static class Waiting
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>Waits until <paramref name="done"/> holds of the VM; what it then is.</summary>
    public static async Task<VmView> ForVmAsync(
        CommandRun run, string name, Func<VmView, bool> done, TimeSpan timeout, CancellationToken stop)
    {
        var deadline = DateTimeOffset.UtcNow + timeout;
        while (true)
        {
            var vm = await run.Client.GetAsync<VmView>($"/vms/{name}", stop).ConfigureAwait(false);
            if (done(vm)) return vm;
            run.Progress(Describe(vm));
            if (DateTimeOffset.UtcNow >= deadline) throw new CliException(
                ExitCodes.Failed, $"{name} is not there after {Text.Time(timeout)}: {Describe(vm)}");
            await Task.Delay(PollInterval, stop).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until the VM is gone.</summary>
    public static async Task ForGoneAsync(CommandRun run, string name, TimeSpan timeout, CancellationToken stop)
    {
        try
        {
            await ForVmAsync(run, name, static _ => false, timeout, stop).ConfigureAwait(false);
        }
        catch (CliException exception) when (exception.ExitCode == ExitCodes.NotFound)
        {
            // That is what was waited for.
        }
    }

    /// <summary>Waits for the action's result.</summary>
    public static async Task<ActionView> ForActionAsync(
        CommandRun run, ActionView action, TimeSpan timeout, CancellationToken stop)
    {
        string id = action.Action.Id;
        var deadline = DateTimeOffset.UtcNow + timeout;
        while (action.Result is null)
        {
            var left = deadline - DateTimeOffset.UtcNow;
            if (left <= TimeSpan.Zero) throw new CliException(
                ExitCodes.Failed,
                $"no result after {Text.Time(timeout)}; it goes on: 'umbra status {action.Vm}' shows it");
            run.Progress($"{Text.Word(action.Action.Kind)} is under way on {action.Target}");
            long wait = (long)Math.Min(left.TotalMilliseconds, 5000);
            action = await run.Client.GetAsync<ActionView>($"/vms/{action.Vm}/actions/{id}?wait={wait}", stop)
                .ConfigureAwait(false);
        }

        return action;
    }

    /// <summary>The VM's state in one line; progress in steps of five percent, so that lines stay few.</summary>
    public static string Describe(VmView vm)
    {
        string text = $"{Text.Word(vm.Guest)}, {Text.Word(vm.Protection)}: {vm.Reason}";
        bool copying = vm.Protection is ProtectionState.Seeding or ProtectionState.Resyncing;
        if (!copying || vm.PrimaryStatus is not { } status) return text;
        double steps = Math.Floor(status.Sync.Progress * 20) / 20;
        return $"{Text.Word(vm.Protection)} {Text.Percent(steps)}";
    }
}
