using Xunit;

namespace Umbra.Tidy;

/// <summary>Members are found with their lengths, whatever their form.</summary>
public sealed class MemberScannerTests
{
    private const string Source = """
        namespace A;

        public sealed class B<T>(int seed) : C where T : struct
        {
            private readonly D _map = new() { ["x"] = 1, };

            public int Auto { get; init; } = 5;

            [Fact]
            [InlineData("{")]
            public void Plain(int a = 3)
            {
                if (a == 1)
                {
                    string s = $"{a} }}";
                }

                void Local() { }
            }

            public int Expression => Auto switch
            {
                1 => 2,
                _ => 3,
            };

            public U Generic<U>(U u)
                where U : class
            {
                return u;
            }

            public static bool operator ==(B<T> a, B<T> b)
            {
                return true;
            }

            private record Inner(int X)
            {
                public int Twice() => X * 2;
            }

            private static readonly Func<int, int> Lambda = x =>
            {
                return x;
            };
        }

        public enum E
        {
            None = 0,
        }
        """;

    [Theory]
    [InlineData("Auto", 7, 1)]
    [InlineData("Plain", 11, 9)]
    [InlineData("Expression", 21, 5)]
    [InlineData("Generic", 27, 5)]
    [InlineData("Twice", 40, 1)]
    public void A_member_is_found_with_its_lines(string name, int first, int lines) =>
        Assert.Contains(new Member(name, first, lines), MemberScanner.Members(Source));

    [Fact]
    public void Operators_and_lambdas_count_as_members() =>
        Assert.Equal(
            [4, 4],
            MemberScanner.Members(Source).Where(m => m.FirstLine is 33 or 43).Select(m => m.LineCount));

    [Fact]
    public void Types_and_initializers_do_not_count() => Assert.Equal(7, MemberScanner.Members(Source).Count);
}
