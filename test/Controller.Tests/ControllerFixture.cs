using System.Net;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Controller.Tests;

/// <summary>A controller of this process on a loopback port, with its own state directory.</summary>
internal sealed class ControllerFixture : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("umbra-controller-").FullName;

    private ControllerFixture()
    {
    }

    public ControllerHost Host { get; private set; } = null!;

    public ApiClient Admin { get; private set; } = null!;

    public string StateDirectory => Path.Combine(_directory, "state");

    public static async Task<ControllerFixture> StartAsync()
    {
        var fixture = new ControllerFixture();
        await fixture.OpenAsync();
        return fixture;
    }

    /// <summary>Stops the controller and starts another on its state.</summary>
    public async Task RestartAsync()
    {
        Admin.Dispose();
        await Host.DisposeAsync();
        await OpenAsync();
    }

    public async Task<JoinToken> TokenAsync(int uses = 10)
    {
        var reply = await Admin.PostAsync<TokenReply>("/api/v1/tokens", new TokenRequest { Uses = uses });
        return JoinToken.TryParse(reply.Token, out string error) ?? throw new InvalidDataException(error);
    }

    public async Task<FakeAgent> AgentAsync(string name, string? rack = null) =>
        await FakeAgent.JoinAsync(await TokenAsync(1), name, rack);

    /// <summary>Agents that do what they are told by themselves.</summary>
    public async Task<FakeFleet> FleetAsync(params string[] names)
    {
        var fleet = new FakeFleet();
        foreach (string name in names) fleet.Add(await AgentAsync(name));
        return fleet;
    }

    public Task<VmChange> CreateAsync(string name, string? host = null, ProtectionPolicy? policy = null) =>
        Admin.PostAsync<VmChange>("/api/v1/vms", new CreateVmRequest
        {
            Definition = new VmDefinition { Name = new VmId(name) },
            Host = host is null ? null : new HostId(host),
            Policy = policy ?? new ProtectionPolicy(),
        });

    public async ValueTask DisposeAsync()
    {
        Admin.Dispose();
        await Host.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task OpenAsync()
    {
        var options = new ControllerOptions
        {
            StateDirectory = StateDirectory, ListenEndpoint = new IPEndPoint(IPAddress.Loopback, 0),
        };
        Host = await ControllerHost.StartAsync(options, TimeProvider.System, null, CancellationToken.None);
        Admin = ApiClient.Admin(Host.AdminPath);
    }
}
