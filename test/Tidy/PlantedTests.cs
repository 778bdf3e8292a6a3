using Xunit;

namespace Umbra.Tidy;

/// <summary>Each rule catches a violation planted for it, and lets its neighbour pass.</summary>
public sealed class PlantedTests
{
    private static readonly Dictionary<string, string> NoExceptions = [];

    [Theory]
    [InlineData("Umbra.Linux", "<ProjectReference Include=\"../Umbra.Core/Umbra.Core.csproj\" />", 0)]
    [InlineData("Umbra.Linux", "", 1)]
    [InlineData("Umbra.Core", "<ProjectReference Include=\"../Umbra.Linux/Umbra.Linux.csproj\" />", 2)]
    [InlineData("Umbra.Extra", "", 1)]
    public void A_reference_through_a_wall_is_found(string name, string references, int findings) =>
        Assert.Equal(findings, Walls.Graph(Project(name, references)).Count());

    [Fact]
    public void A_package_that_the_wall_does_not_allow_is_found() =>
        Assert.Contains(
            Walls.Graph(Project("Umbra.Linux", "<PackageReference Include=\"Dapper\" />")),
            finding => finding.Text.Contains("Dapper", StringComparison.Ordinal));

    [Fact]
    public void Transitive_references_switched_on_are_found()
    {
        const string on = "<DisableTransitiveProjectReferences>false</DisableTransitiveProjectReferences>";
        Assert.Single(Walls.Transitive(Project("Umbra.Cli", on), isCommon: false));
        Assert.Single(Walls.Transitive(Project("Directory.Build", on), isCommon: true));
        Assert.Single(Walls.Transitive(Project("Directory.Build", ""), isCommon: true));
        Assert.Empty(Walls.Transitive(Project("Umbra.Cli", ""), isCommon: false));
    }

    [Fact]
    public void Unsafe_blocks_switched_on_outside_Linux_are_found()
    {
        const string on = "<AllowUnsafeBlocks>true</AllowUnsafeBlocks>";
        Assert.Single(Walls.UnsafeSwitch(Project("Umbra.Agent", on)));
        Assert.Empty(Walls.UnsafeSwitch(Project("Umbra.Linux", on)));
    }

    [Theory]
    [InlineData("src/Umbra.Agent/A.cs", "unsafe { }", 1)]
    [InlineData("src/Umbra.Agent/A.cs", "[LibraryImport(\"libc\")] [DllImport(\"libc\")]", 2)]
    [InlineData("src/Umbra.Agent/A.cs", "// unsafe\n\"unsafe\"; UnsafeThing()", 0)]
    [InlineData("src/Umbra.Linux/A.cs", "unsafe { }", 0)]
    public void Unsafe_code_outside_Linux_is_found(string path, string text, int findings) =>
        Assert.Equal(findings, Walls.UnsafeCode(new SourceFile(path, text)).Count());

    [Theory]
    [InlineData("async Task F()", 2)]
    [InlineData("var t = DateTime.Now; var u = DateTimeOffset.UtcNow;", 2)]
    [InlineData("new Thread(f); Random.Shared", 2)]
    [InlineData("/// <summary>A Task.</summary>\nint TaskCount; // Thread", 0)]
    public void Impure_words_in_Core_are_found(string text, int findings) =>
        Assert.Equal(findings, Walls.PureCore(new SourceFile("src/Umbra.Core/A.cs", text)).Count());

    [Fact]
    public void A_core_without_its_analyzer_or_its_list_is_found()
    {
        var symbols = new SourceFile("BannedSymbols.txt", string.Join('\n', Walls.BannedInCore));
        const string kept = "<PackageReference Include=\"Microsoft.CodeAnalysis.BannedApiAnalyzers\" />"
            + "<AdditionalFiles Include=\"BannedSymbols.txt\" />";
        Assert.Empty(Walls.BannedSymbols(Project("Umbra.Core", kept), symbols));
        Assert.Equal(2, Walls.BannedSymbols(Project("Umbra.Core", ""), symbols).Count());
        Assert.Equal(
            Walls.BannedInCore.Length,
            Walls.BannedSymbols(Project("Umbra.Core", kept), symbols with { Text = "" }).Count());
    }

    [Fact]
    public void A_line_one_character_too_long_is_found()
    {
        Assert.Empty(Ratchets.LineLength(Source(new string('x', 120))));
        Finding found = Assert.Single(Ratchets.LineLength(Source("a\n" + new string('x', 121))));
        Assert.Equal(2, found.Line);
    }

    [Fact]
    public void A_long_file_is_found_unless_its_head_says_why()
    {
        string body = string.Concat(Enumerable.Repeat("x\n", 501));
        Assert.Single(Ratchets.FileLength(Source(body)));
        Assert.Empty(Ratchets.FileLength(Source("// This file is over 500 lines because it is a table.\n" + body)));
        Assert.Empty(Ratchets.FileLength(Source(string.Concat(Enumerable.Repeat("x\n", 500)))));
    }

    [Fact]
    public void A_long_member_is_found_unless_excepted()
    {
        SourceFile file = Source($"class C\n{{\nvoid Long()\n{{\n{new string('\n', 69)}}}\n}}\n");
        Assert.Single(Ratchets.MemberLength(file, NoExceptions));
        Assert.Empty(Ratchets.MemberLength(file, new Dictionary<string, string> { ["src/Umbra.Core/A.cs:Long"] = "" }));
    }

    [Fact]
    public void An_exception_that_nothing_needs_is_found() =>
        Assert.Single(Ratchets.StaleExceptions(
            [Source("class C\n{\nvoid Long() { }\n}\n")],
            new Dictionary<string, string> { ["src/Umbra.Core/A.cs:Long"] = "" }));

    [Theory]
    [InlineData("src/Umbra.Core/Swap/A.cs", "namespace Umbra.Core.Swap;", 0)]
    [InlineData("src/Umbra.Core/Swap/A.cs", "namespace Umbra.Core;", 1)]
    [InlineData("src/Umbra.Core/Swap/A.cs", "public class A { }", 1)]
    [InlineData("src/Umbra.Cli/Program.cs", "return 0;", 0)]
    public void A_namespace_that_is_not_its_folder_is_found(string path, string text, int findings) =>
        Assert.Equal(findings, Ratchets.NamespaceIsFolder(new SourceFile(path, text)).Count());

    [Theory]
    [InlineData("see [x](gone.md)", 1)]
    [InlineData("see [x](there.md#part), [y](#here), [z](https://example.org/gone)", 0)]
    [InlineData("see [x](../docs/there.md)", 0)]
    public void A_link_that_leads_nowhere_is_found(string text, int findings) =>
        Assert.Equal(findings, Documents.Links(new SourceFile("docs/a.md", text), IsThere).Count());

    [Theory]
    [InlineData("run `src/Umbra.Core/Gone.cs`", 1)]
    [InlineData("see docs/design/there.md.", 0)]
    [InlineData("under test/X*, https://a/src/b, /usr/src/linux", 0)]
    public void A_path_that_is_not_there_is_found(string text, int findings) =>
        Assert.Equal(findings, Documents.Mentions(new SourceFile("a.md", text), IsThere).Count());

    [Theory]
    [InlineData("held by `Tests.A_thing_holds`", 0)]
    [InlineData("held by `A_thing_is_gone`", 1)]
    public void A_promise_whose_test_is_gone_is_found(string text, int findings)
    {
        IReadOnlySet<string> tests = Documents.TestMethods([Source("public async Task A_thing_holds() { }")]);
        Assert.Equal(findings, Documents.NamedTests(new SourceFile("PROMISES.md", text), tests).Count());
    }

    [Fact]
    public void A_promise_that_nothing_holds_is_found() =>
        Assert.Single(Documents.Holders(new SourceFile(
            "PROMISES.md", "| promise | held by |\n|---|---|\n| a | `A_b` |\n| b | `./dev demo` |\n| c | hope |")));

    private static SourceFile Project(string name, string content) =>
        new($"src/{name}/{name}.csproj", $"<Project><ItemGroup>{content}</ItemGroup></Project>");

    private static bool IsThere(string path) => path is "docs/there.md" or "docs/design/there.md";

    private static SourceFile Source(string text) => new("src/Umbra.Core/A.cs", text);
}
