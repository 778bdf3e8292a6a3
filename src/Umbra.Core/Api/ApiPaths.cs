namespace Umbra.Core.Api;

/// <summary>Paths of the controller's HTTP API and the limits that both ends keep (docs/formats/http-api.md).</summary>
public static class ApiPaths
{
    /// <summary>Port of the controller unless told otherwise.</summary>
    public const int ControllerPortDefault = 7410;

    /// <summary>A host asks for its certificate: <see cref="JoinRequest"/>, <see cref="JoinReply"/>.</summary>
    public const string AgentJoin = "/agent/v1/join";

    /// <summary>
    /// GET, by anybody: the fleet CA's certificate, PEM. A host that joins compares it with its token's fingerprint
    /// before it tells the secret.
    /// </summary>
    public const string AgentAuthority = "/agent/v1/authority";

    /// <summary>
    /// An agent's report and its desired state: <see cref="AgentHeartbeat"/>, <see cref="HeartbeatAnswer"/>.
    /// </summary>
    public const string AgentHeartbeat = "/agent/v1/heartbeat";

    /// <summary>Compare-and-set of a VM's generation: <see cref="FenceRequest"/>, <see cref="FenceReply"/>.</summary>
    public const string AgentFence = "/agent/v1/fence";

    /// <summary>
    /// How such a claim would be answered now; nothing changes. Same bodies, another path: a controller that does not
    /// know it answers that there is no such thing, and never takes it for a claim.
    /// </summary>
    public const string AgentFenceRehearsal = "/agent/v1/fence/rehearsal";

    /// <summary>Where the API for people and programs begins.</summary>
    public const string Admin = "/api/v1";

    /// <summary>A long poll is answered within this even without news.</summary>
    public static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(30);
}

/// <summary>An error of the API (RFC 9457, application/problem+json), with what to do about it.</summary>
public sealed record ApiProblem
{
    /// <summary>Stable kind for programs.</summary>
    public required ProblemKind Kind { get; init; }

    /// <summary>HTTP status.</summary>
    public required int Status { get; init; }

    /// <summary>One line.</summary>
    public required string Title { get; init; }

    /// <summary>What exactly; may be empty.</summary>
    public string Detail { get; init; } = "";

    /// <summary>What the reader can do about it; may be empty.</summary>
    public string WhatToDo { get; init; } = "";
}

/// <summary>Kinds of <see cref="ApiProblem"/>.</summary>
public enum ProblemKind
{
    /// <summary>The request does not parse or breaks a rule (400, 413).</summary>
    Invalid = 0,

    /// <summary>No certificate, or one that may not do this (401, 403).</summary>
    Forbidden = 1,

    /// <summary>No such thing (404).</summary>
    NotFound = 2,

    /// <summary>It cannot be done as things are (409).</summary>
    Refused = 3,

    /// <summary>A bug of the controller (500).</summary>
    Internal = 4,
}
