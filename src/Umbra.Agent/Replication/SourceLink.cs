using System.Net.Sockets;
using System.Security.Authentication;
using Umbra.Agent.Links;
using Umbra.Core.Basics;
using Umbra.Linux.Machine;

namespace Umbra.Agent.Replication;

/// <summary>
/// Keeps trying to have a connection to the shadow's agent, and hands each new one to the session's thread.
/// </summary>
internal sealed class SourceLink(AgentServices services, HostId peer, string endpoint, Mailbox owner) : IDisposable
{
    private static readonly TimeSpan RetryMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _wanted = new(0);

    /// <summary>Why there is no connection, for people; empty while there is one or none was tried.</summary>
    public string Trouble { get; private set; } = "";

    /// <summary>Begins, with the first connection.</summary>
    public void Start()
    {
        _ = ConnectAsync();
        Want();
    }

    /// <summary>The connection is gone: another one, please.</summary>
    public void Want() => _wanted.Release();

    /// <inheritdoc/>
    public void Dispose() => _stop.Cancel();

    private async Task ConnectAsync()
    {
        TimeSpan retry = RetryMin;
        TimeSpan connectedAt = TimeSpan.MinValue / 2;
        try
        {
            while (true)
            {
                await _wanted.WaitAsync(_stop.Token);
                // A connection that did not last counts as one that failed.
                bool lasted = BootClock.Now > connectedAt + RetryMax;
                if (lasted) retry = RetryMin;
                while (!lasted || !await TryConnectAsync())
                {
                    lasted = true;
                    await Task.Delay(retry, _stop.Token);
                    retry = retry * 2 < RetryMax ? retry * 2 : RetryMax;
                }

                connectedAt = BootClock.Now;
            }
        }
        catch (OperationCanceledException)
        {
            // The session has ended.
        }
    }

    private async Task<bool> TryConnectAsync()
    {
        try
        {
            Stream stream = await services.Transport.ConnectAsync(peer, endpoint, _stop.Token);
            Trouble = "";
            owner.Post(new Connected(new PairConnection(stream, peer, services.Codec, owner)));
            return true;
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException or FormatException
            || (e is OperationCanceledException && !_stop.IsCancellationRequested))
        {
            Trouble = e is OperationCanceledException ? "no answer in time" : (e.InnerException ?? e).Message;
            return false;
        }
    }
}

/// <summary>A connection that was made and waits to be used.</summary>
internal sealed record Connected(PairConnection Connection) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Connection.Dispose();
}
