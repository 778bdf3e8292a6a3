using Umbra.Core.Api;
using Xunit;

namespace Umbra.Core.Tests.Api;

public sealed class JoinTokenTests
{
    private static readonly JoinToken Token = new("https://10.0.0.1:7410", new string('a', 64), new string('5', 48));

    [Fact]
    public void A_token_is_read_as_it_was_written()
    {
        string text = Token.Format();
        Assert.StartsWith("umbra-join-", text);
        Assert.DoesNotContain(' ', text);
        Assert.Equal(Token, JoinToken.TryParse(text + "\n", out _));
    }

    [Fact]
    public void A_tokens_text_form_is_frozen() => Assert.Equal(
        new JoinToken("https://h:1", new string('0', 64), "0123456789abcdef"),
        JoinToken.TryParse(
            "umbra-join-eyJ1cmwiOiJodHRwczovL2g6MSIsImNhRmluZ2VycHJpbnQiOiIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD"
            + "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwIiwic2VjcmV0IjoiMDEyMzQ1Njc4OWFiY2RlZiJ9", out _));

    [Theory]
    [InlineData("")]
    [InlineData("umbra-join-")]
    [InlineData("umbra-join-!!!")]
    [InlineData("umbra-join-e30")]
    [InlineData("something")]
    public void A_damaged_token_is_refused_with_a_reason(string text)
    {
        Assert.Null(JoinToken.TryParse(text, out string error));
        Assert.NotEqual("", error);
    }

    [Fact]
    public void A_cut_token_is_refused_and_the_error_keeps_the_secret()
    {
        Assert.Null(JoinToken.TryParse(Token.Format()[..^3], out string error));
        Assert.DoesNotContain(Token.Secret, error);
        Assert.DoesNotContain(Token.Secret, Token.ToString());
    }

    [Fact]
    public void A_token_for_plain_http_is_refused() =>
        Assert.Null(JoinToken.TryParse((Token with { Url = "http://10.0.0.1" }).Format(), out _));
}
