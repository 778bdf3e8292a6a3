using Umbra.Cli;

return await UmbraCommandLine.RunAsync(args, Console.Out, Console.Error).ConfigureAwait(false);
