using System.Text.RegularExpressions;

namespace Umbra.Tidy;

/// <summary>A method, property, constructor or operator and the lines it takes, signature to closing brace.</summary>
public sealed record Member(string Name, int FirstLine, int LineCount);

/// <summary>
/// Finds the members of a file by its braces: a block directly inside a type's block is a member's, unless an
/// assignment opens it. Local functions and lambdas belong to the member they are in.
/// </summary>
public static partial class MemberScanner
{
    private enum Block
    {
        Namespace,
        Type,
        Member,
        Value,
    }

    /// <summary>All members with a body in <paramref name="source"/>, in order.</summary>
    public static IReadOnlyList<Member> Members(string source)
    {
        string code = CodeText.Blank(source);
        var members = new List<Member>();
        var blocks = new Stack<Block>();
        int start = 0;
        for (int at = 0; at < code.Length; at++)
        {
            switch (code[at])
            {
                case '{':
                    blocks.Push(Kind(blocks, code[start..at]));
                    if (blocks.Peek() is Block.Type or Block.Namespace) start = at + 1;
                    break;
                case '}' when blocks.Count > 0:
                    Block closed = blocks.Pop();
                    if (closed == Block.Member && InType(blocks)) members.Add(Measure(code, start, at));
                    if (closed is not Block.Value && !Inside(blocks)) start = at + 1;
                    break;
                case ';' when !Inside(blocks):
                    if (InType(blocks) && IsExpressionBodied(code[start..at])) members.Add(Measure(code, start, at));
                    start = at + 1;
                    break;
            }
        }

        return members;
    }

    private static bool InType(Stack<Block> blocks) => blocks.TryPeek(out Block top) && top == Block.Type;

    private static bool Inside(Stack<Block> blocks) =>
        blocks.TryPeek(out Block top) && top is Block.Member or Block.Value;

    private static Block Kind(Stack<Block> blocks, string header)
    {
        if (Inside(blocks)) return blocks.Peek();
        if (NamespaceWord().IsMatch(header)) return Block.Namespace;
        if (TypeWord().IsMatch(WithoutConstraints(WithoutParentheses(header)))) return Block.Type;
        return Assigns(header) ? Block.Value : Block.Member;
    }

    /// <summary>Whether the block is a value: <c>= new() {</c> of a field or <c>=> x switch {</c>.</summary>
    private static bool Assigns(string header) =>
        !header.Contains("operator", StringComparison.Ordinal) && WithoutParentheses(header).Contains('=');

    private static bool IsExpressionBodied(string text) =>
        WithoutParentheses(text.Split('{')[0]).Contains("=>", StringComparison.Ordinal);

    private static Member Measure(string code, int start, int end)
    {
        int signature = SkipAttributes(code, start);
        int first = code.AsSpan(0, signature).Count('\n') + 1;
        int last = code.AsSpan(0, end).Count('\n') + 1;
        Match name = MemberName().Match(code, signature, end - signature + 1);
        return new Member(name.Success ? name.Groups[1].Value : "?", first, last - first + 1);
    }

    private static int SkipAttributes(string code, int at)
    {
        while (true)
        {
            while (at < code.Length && char.IsWhiteSpace(code[at])) at++;
            if (at >= code.Length || code[at] != '[') return at;
            int depth = 0;
            do
            {
                if (code[at] == '[') depth++;
                if (code[at] == ']') depth--;
                at++;
            }
            while (depth > 0 && at < code.Length);
        }
    }

    private static string WithoutConstraints(string header) => ConstraintWord().Split(header)[0];

    private static string WithoutParentheses(string text)
    {
        var kept = new System.Text.StringBuilder(text.Length);
        int depth = 0;
        foreach (char c in text)
        {
            if (c is '(' or '[') depth++;
            if (depth == 0) kept.Append(c);
            if (c is ')' or ']') depth--;
        }

        return kept.ToString();
    }

    [GeneratedRegex(@"\bnamespace\b")]
    private static partial Regex NamespaceWord();

    [GeneratedRegex(@"\bwhere\b")]
    private static partial Regex ConstraintWord();

    [GeneratedRegex(@"\b(class|struct|interface|record|enum)\b")]
    private static partial Regex TypeWord();

    [GeneratedRegex(@"(\w+)\s*(<[^>()]*>)?\s*(\(|\{|=>)")]
    private static partial Regex MemberName();
}
