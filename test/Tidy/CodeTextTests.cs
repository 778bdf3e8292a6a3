using Xunit;

namespace Umbra.Tidy;

/// <summary>The scanner sees code and nothing else.</summary>
public sealed class CodeTextTests
{
    [Theory]
    [InlineData("a // unsafe", "a")]
    [InlineData("a /* unsafe\n unsafe */ b", "a\nb")]
    [InlineData("x = \"unsafe \\\" unsafe\"; y", "x = ; y")]
    [InlineData("x = @\"unsafe\\\"; y", "x = ; y")]
    [InlineData("x = @\"un\"\"safe\"; y", "x = ; y")]
    [InlineData("x = \"\"\"unsafe \" \"\" unsafe\"\"\"; y", "x = ; y")]
    [InlineData("x = '\"'; y = '\\''; z", "x = ; y = ; z")]
    [InlineData("x = \"\"; y", "x = ; y")]
    public void Comments_strings_and_characters_are_blanked(string source, string code) =>
        Assert.Equal(Squeezed(code), Squeezed(CodeText.Blank(source)));

    [Fact]
    public void Code_in_the_holes_of_a_string_stays_and_its_braces_go() =>
        Assert.Equal(Squeezed("x =  Task.Id  ; y"), Squeezed(CodeText.Blank("x = $\"{{a}} {Task.Id} b\"; y")));

    [Fact]
    public void A_string_inside_a_hole_is_blanked_too() =>
        Assert.Equal(Squeezed("x = f( ); y"), Squeezed(CodeText.Blank("x = $\"a {f(\"unsafe } {\")} b\"; y")));

    [Fact]
    public void Holes_of_raw_strings_open_with_as_many_braces_as_there_are_dollars() =>
        Assert.Equal(Squeezed("x = Id; y"), Squeezed(CodeText.Blank("x = $$\"\"\"{a} {{Id}} b\"\"\"; y")));

    [Fact]
    public void Lines_and_columns_stay_where_they_were()
    {
        const string source = "a /* 1\n 2 */ \"b\"\n c";
        string code = CodeText.Blank(source);
        Assert.Equal(source.Length, code.Length);
        Assert.Equal(source.IndexOf('c', StringComparison.Ordinal), code.IndexOf('c', StringComparison.Ordinal));
    }

    private static string Squeezed(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
}
