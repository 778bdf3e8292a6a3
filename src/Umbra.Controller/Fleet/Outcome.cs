using Umbra.Core.Api;

namespace Umbra.Controller.Fleet;

/// <summary>What was asked for, or the reason why not.</summary>
public readonly record struct Outcome<T>(T? Value, ApiProblem? Problem)
    where T : class
{
    /// <summary>It went well.</summary>
    public static implicit operator Outcome<T>(T value) => new(value, null);

    /// <summary>It did not.</summary>
    public static implicit operator Outcome<T>(ApiProblem problem) => new(null, problem);
}

/// <summary>The problems that the controller answers with.</summary>
public static class Problems
{
    /// <summary>The request breaks a rule.</summary>
    public static ApiProblem Invalid(string detail, string whatToDo = "") => new()
    {
        Kind = ProblemKind.Invalid, Status = 400, Title = "The request is not valid", Detail = detail,
        WhatToDo = whatToDo,
    };

    /// <summary>The request breaks several rules.</summary>
    public static ApiProblem Invalid(IReadOnlyList<string> errors) => Invalid(string.Join("; ", errors));

    /// <summary>The body is too long.</summary>
    public static ApiProblem TooLarge { get; } = new()
    {
        Kind = ProblemKind.Invalid, Status = 413, Title = "The request is too large",
        Detail = $"at most {FleetJson.BodyBytesMax} bytes are read",
    };

    /// <summary>The caller is nobody.</summary>
    public static ApiProblem NoCertificate { get; } = new()
    {
        Kind = ProblemKind.Forbidden, Status = 401, Title = "A client certificate of this fleet is needed",
        WhatToDo = "people: use the controller's admin.json; hosts: join with a token from 'umbra host token'",
    };

    /// <summary>The caller may not do this.</summary>
    public static ApiProblem Forbidden(string detail, string whatToDo = "") => new()
    {
        Kind = ProblemKind.Forbidden, Status = 403, Title = "This is not allowed", Detail = detail, WhatToDo = whatToDo,
    };

    /// <summary>There is no such thing.</summary>
    public static ApiProblem NotFound(string detail, string whatToDo = "") => new()
    {
        Kind = ProblemKind.NotFound, Status = 404, Title = "There is no such thing", Detail = detail,
        WhatToDo = whatToDo,
    };

    /// <summary>It cannot be done as things are.</summary>
    public static ApiProblem Refused(string detail, string whatToDo = "") => new()
    {
        Kind = ProblemKind.Refused, Status = 409, Title = "It cannot be done as things are", Detail = detail,
        WhatToDo = whatToDo,
    };

    /// <summary>A bug or a full disk of ours.</summary>
    public static ApiProblem Internal(string detail) => new()
    {
        Kind = ProblemKind.Internal, Status = 500, Title = "The controller failed", Detail = detail,
        WhatToDo = "see the controller's log",
    };
}
