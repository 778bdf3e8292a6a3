using Xunit;

namespace Umbra.Tidy;

/// <summary>The house rules, held against the tree as it is.</summary>
public sealed class TreeTests
{
    private static readonly IReadOnlyList<SourceFile> Product = Repository.Files("src", ".cs");
    private static readonly IReadOnlyList<SourceFile> Tests = Repository.Files("test", ".cs");
    private static readonly IReadOnlyList<SourceFile> Code =
        [.. Product, .. Tests, .. Repository.Files("bench", ".cs")];

    private static readonly IReadOnlyList<SourceFile> Projects = Repository.Files("", ".csproj");
    private static readonly IReadOnlyList<SourceFile> Documents = Repository.Files("", ".md");

    [Fact]
    public void Product_projects_refer_to_exactly_what_their_wall_allows() =>
        Holds(Projects.Where(project => project.Path.StartsWith("src/", StringComparison.Ordinal))
            .SelectMany(Walls.Graph));

    [Fact]
    public void Every_product_project_in_the_list_exists() =>
        Assert.All(Walls.References.Keys, name => Assert.True(Repository.Exists($"src/{name}/{name}.csproj"), name));

    [Fact]
    public void Transitive_references_stay_off() =>
        Holds(Projects.SelectMany(project => Walls.Transitive(project, isCommon: false))
            .Concat(Walls.Transitive(Repository.File("Directory.Build.props"), isCommon: true)));

    [Fact]
    public void Unsafe_code_and_native_calls_live_in_Linux_alone() =>
        Holds(Projects.SelectMany(Walls.UnsafeSwitch).Concat(Code.SelectMany(Walls.UnsafeCode)));

    [Fact]
    public void Core_knows_no_time_tasks_threads_or_chance() =>
        Holds(Product.Where(file => file.Path.StartsWith("src/Umbra.Core/", StringComparison.Ordinal))
            .SelectMany(Walls.PureCore));

    [Fact]
    public void Core_keeps_its_banned_symbols() =>
        Holds(Walls.BannedSymbols(
            Repository.File("src/Umbra.Core/Umbra.Core.csproj"), Repository.File("src/Umbra.Core/BannedSymbols.txt")));

    [Fact]
    public void Files_are_short_or_say_why_not() => Holds(Code.SelectMany(Ratchets.FileLength));

    [Fact]
    public void Members_are_short_or_excepted() =>
        Holds(Code.SelectMany(file => Ratchets.MemberLength(file, Ratchets.LongMembers)));

    [Fact]
    public void Exceptions_for_long_members_are_all_needed_and_explained()
    {
        Assert.Empty(Ratchets.StaleExceptions(Code, Ratchets.LongMembers));
        Assert.All(Ratchets.LongMembers.Values, reason => Assert.True(reason.Length > 20, reason));
    }

    [Fact]
    public void Lines_are_short() =>
        Holds(Code.Concat(Repository.Files("guest", ".c", ".sh", "init")).Append(Repository.File("dev"))
            .SelectMany(Ratchets.LineLength));

    [Fact]
    public void Namespaces_of_product_files_are_their_folders() =>
        Holds(Product.SelectMany(Ratchets.NamespaceIsFolder));

    [Fact]
    public void Links_in_documents_lead_somewhere() =>
        Holds(Documents.SelectMany(document => Tidy.Documents.Links(document, Repository.Exists)));

    [Fact]
    public void Paths_named_in_documents_and_comments_exist() =>
        Holds(Documents.Concat(Product).SelectMany(file => Tidy.Documents.Mentions(file, Repository.Exists)));

    [Fact]
    public void Promises_name_tests_that_exist()
    {
        if (!Repository.Exists("PROMISES.md")) Assert.Skip("there is no PROMISES.md");
        SourceFile promises = Repository.File("PROMISES.md");
        Holds(Tidy.Documents.NamedTests(promises, Tidy.Documents.TestMethods(Tests))
            .Concat(Tidy.Documents.Holders(promises)));
    }

    private static void Holds(IEnumerable<Finding> findings)
    {
        string[] all = [.. findings.Select(finding => finding.ToString())];
        Assert.True(all.Length == 0, string.Join('\n', all));
    }
}
