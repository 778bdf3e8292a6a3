using Umbra.Agent.Guarding;
using Umbra.Cli;

// Started by agents, not by people: it must be up quickly, so it goes past the command line's machinery.
if (args is ["guard"]) return GuardProcess.Run();
return await UmbraCommandLine.RunAsync(args, Console.Out, Console.Error).ConfigureAwait(false);
