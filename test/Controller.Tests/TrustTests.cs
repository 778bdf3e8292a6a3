using System.Security.Cryptography.X509Certificates;
using Umbra.Controller.Security;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Xunit;

namespace Umbra.Controller.Tests;

public sealed class TrustTests
{
    [Fact]
    public async Task A_host_that_joins_gets_a_certificate_of_the_fleet_that_names_it()
    {
        await using var controller = await ControllerFixture.StartAsync();
        var token = await controller.TokenAsync();
        Assert.Equal(FleetCertificates.Fingerprint(controller.Host.Authority), token.CaFingerprint);
        using var stranger = new ApiClient(token.Url, null);
        var (key, request) = ApiClient.JoinRequest(token, "a");
        using var _ = key;
        var reply = await stranger.PostAsync<JoinReply>(ApiPaths.AgentJoin, request);
        using var certificate = X509Certificate2.CreateFromPem(reply.Certificate);
        using var authority = X509Certificate2.CreateFromPem(reply.Authority);
        var identity = FleetCertificates.Verify(certificate, authority, DateTimeOffset.UtcNow, out string error);
        Assert.Equal(new FleetIdentity(FleetRole.Host, "a"), identity);
        Assert.Equal("", error);
        Assert.Equal(FleetRole.Controller, stranger.Peer!.Role);
    }

    [Fact]
    public async Task Anybody_may_fetch_the_authority_and_compare_it_with_his_token()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var stranger = new ApiClient(controller.Host.Url, null);
        var (_, pem) = await stranger.SendAsync(HttpMethod.Get, ApiPaths.AgentAuthority, null);
        using var authority = X509Certificate2.CreateFromPem(System.Text.Encoding.UTF8.GetString(pem));
        Assert.Equal((await controller.TokenAsync()).CaFingerprint, FleetCertificates.Fingerprint(authority));
    }

    [Fact]
    public async Task Without_a_certificate_everything_but_joining_is_refused()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var stranger = new ApiClient(controller.Host.Url, null);
        Assert.Equal(401, (await stranger.GetProblemAsync("/api/v1/fleet")).Status);
        Assert.Equal(401, (await stranger.PostProblemAsync(ApiPaths.AgentHeartbeat, new { })).Status);
        Assert.Equal(401, (await stranger.PostProblemAsync("/AGENT/v1/Heartbeat", new { })).Status);
    }

    [Fact]
    public async Task A_certificate_of_another_fleet_does_not_pass_the_handshake()
    {
        await using var controller = await ControllerFixture.StartAsync();
        await using var other = await ControllerFixture.StartAsync();
        using var agent = await other.AgentAsync("a");
        agent.MoveTo(controller.Host.Url);
        await Assert.ThrowsAsync<HttpRequestException>(() => agent.BeatAsync());
    }

    [Fact]
    public async Task A_certificate_that_is_not_valid_now_is_not_trusted()
    {
        string directory = Directory.CreateTempSubdirectory("umbra-ca-").FullName;
        using var authority = FleetAuthority.LoadOrCreate(directory, TimeProvider.System);
        var (pem, _) = authority.Issue(new FleetIdentity(FleetRole.Host, "a"));
        using var certificate = X509Certificate2.CreateFromPem(pem);
        var later = DateTimeOffset.UtcNow + FleetAuthority.CertificateLifetime + TimeSpan.FromDays(1);
        Assert.Null(FleetCertificates.Verify(certificate, authority.PublicCertificate, later, out string error));
        Assert.NotEqual("", error);
        await Task.CompletedTask;
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task Hosts_and_administrators_keep_to_their_own_endpoints()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var agent = await controller.AgentAsync("a");
        Assert.Equal(ProblemKind.Forbidden, (await agent.Client.GetProblemAsync("/api/v1/fleet")).Kind);
        Assert.Equal(
            ProblemKind.Forbidden,
                (await controller.Admin.PostProblemAsync(ApiPaths.AgentHeartbeat, agent.Heartbeat())).Kind);
    }

    [Fact]
    public async Task A_host_may_neither_report_nor_claim_for_another()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        await a.BeatAsync();
        await controller.CreateAsync("v", "a");
        a.Host = a.Host with { Name = b.Name };
        Assert.Contains(
            "a may not report for b", (await a.Client.PostProblemAsync(ApiPaths.AgentHeartbeat, a.Heartbeat())).Detail);
        var claim = new FenceRequest(
            new VmId("v"), new Core.Swap.FenceClaim(new Generation(1), a.Name, "x"), "test");
        Assert.Equal(403, (await b.Client.PostProblemAsync(ApiPaths.AgentFence, claim)).Status);
    }

    [Fact]
    public async Task A_token_lets_in_as_many_hosts_as_it_says()
    {
        await using var controller = await ControllerFixture.StartAsync();
        var token = await controller.TokenAsync(uses: 1);
        using var a = await FakeAgent.JoinAsync(token, "a");
        Assert.Contains("used up", (await RefusedAsync(token, "b")).Detail);
        Assert.Contains("no such", (await RefusedAsync(token with { Secret = new string('0', 48) }, "b")).Detail);
    }

    [Fact]
    public async Task A_host_whose_answer_was_lost_may_ask_again_with_the_same_key()
    {
        await using var controller = await ControllerFixture.StartAsync();
        var token = await controller.TokenAsync(uses: 1);
        using var stranger = new ApiClient(token.Url, null);
        var (key, request) = ApiClient.JoinRequest(token, "a");
        using var _ = key;
        await stranger.PostAsync<JoinReply>(ApiPaths.AgentJoin, request);
        await stranger.PostAsync<JoinReply>(ApiPaths.AgentJoin, request);
    }

    [Fact]
    public async Task A_name_that_has_joined_is_refused_to_another_key_until_it_is_forgotten()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var first = await controller.AgentAsync("a");
        var token = await controller.TokenAsync();
        Assert.Contains("umbra host forget a", (await RefusedAsync(token, "a")).WhatToDo);
        var (status, _) = await controller.Admin.SendAsync(HttpMethod.Delete, "/api/v1/hosts/a", null);
        Assert.Equal(200, (int)status);
        using var second = await FakeAgent.JoinAsync(token, "a");
        await second.BeatAsync();
        Assert.Equal(403, (await first.Client.PostProblemAsync(ApiPaths.AgentHeartbeat, first.Heartbeat())).Status);
    }

    [Fact]
    public async Task A_request_to_join_that_is_no_request_is_refused()
    {
        await using var controller = await ControllerFixture.StartAsync();
        var token = await controller.TokenAsync();
        using var stranger = new ApiClient(token.Url, null);
        var (key, request) = ApiClient.JoinRequest(token, "a");
        key.Dispose();
        string broken = request.CertificateRequest.Replace("MI", "MA", StringComparison.Ordinal);
        Assert.Equal(400, (await stranger.PostProblemAsync(
            ApiPaths.AgentJoin, request with { CertificateRequest = broken })).Status);
        Assert.Equal(400, (await stranger.PostProblemAsync(
            ApiPaths.AgentJoin, new { token = token.Secret, host = "../a", certificateRequest = "x" })).Status);
        var (status, _) = await stranger.SendAsync(HttpMethod.Post, ApiPaths.AgentJoin, new byte[100_000]);
        Assert.Equal(413, (int)status);
    }

    [Fact]
    public async Task Secrets_are_readable_by_their_owner_alone()
    {
        await using var controller = await ControllerFixture.StartAsync();
        foreach (string path in Directory.GetFiles(controller.StateDirectory))
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    private static async Task<ApiProblem> RefusedAsync(JoinToken token, string name)
    {
        using var stranger = new ApiClient(token.Url, null);
        var (key, request) = ApiClient.JoinRequest(token, name);
        using var _ = key;
        return await stranger.PostProblemAsync(ApiPaths.AgentJoin, request);
    }
}
