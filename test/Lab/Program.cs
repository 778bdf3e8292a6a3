using Umbra.Lab;

if (args is not ["relay", string socketPath])
{
    Console.Error.WriteLine("usage: Umbra.Lab relay SOCKET");
    return 2;
}

return await Relay.RunAsync(socketPath);
