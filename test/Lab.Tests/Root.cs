using Xunit;

namespace Umbra.Lab.Tests;

/// <summary>Labs need root: tests that make one say so where it is missing.</summary>
internal static class Root
{
    public static void Require()
    {
        if (!Environment.IsPrivilegedProcess) Assert.Skip("network namespaces need root");
    }
}
