using Umbra.Core.Epochs;

namespace Umbra.Testing.Replication;

/// <summary>The process under test ends at this call: thrown out of a model's interface call.</summary>
public sealed class ModelCrashException(string call) : Exception("crash at " + call);

/// <summary>
/// Called at the start of every interface call of a model, with its name: may change the model (a race), throw
/// <see cref="ModelCrashException"/>, or return the failure that the call is to have.
/// </summary>
public delegate CallOutcome? ModelIntercept(string call);
