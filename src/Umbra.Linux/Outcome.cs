using System.Diagnostics.CodeAnalysis;

namespace Umbra.Linux;

/// <summary>Either a value or the error why there is none.</summary>
/// <param name="Value">The value when <see cref="IsOk"/>.</param>
/// <param name="Error">The reason when not.</param>
public readonly record struct Outcome<T>(T? Value, SystemError? Error)
{
    /// <summary>Whether there is a value.</summary>
    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsOk => Error is null;

    /// <summary>The value; an <see cref="IOException"/> that says why when there is none.</summary>
    public T OrThrow() => IsOk ? Value : throw Error.ToException();

    /// <summary>A value is a good outcome.</summary>
    [SuppressMessage("Usage", "CA2225", Justification = "The constructor is the named alternative.")]
    public static implicit operator Outcome<T>(T value) => new(value, null);

    /// <summary>An error is a failed outcome.</summary>
    [SuppressMessage("Usage", "CA2225", Justification = "The constructor is the named alternative.")]
    public static implicit operator Outcome<T>(SystemError error) => new(default, error);
}
