using System.Text;

namespace Umbra.Tidy;

/// <summary>
/// C# source with comments, strings and character literals blanked out, line for line and column for column, so that
/// plain searches and brace counting see code alone. It knows verbatim, interpolated and raw strings.
/// </summary>
public static class CodeText
{
    /// <summary>Blanks everything in <paramref name="source"/> that is not code.</summary>
    public static string Blank(string source)
    {
        var scanner = new Scanner(source);
        scanner.Code(stopAtBrace: false);
        return scanner.Result;
    }

    private sealed class Scanner(string source)
    {
        private readonly StringBuilder _out = new(source);
        private int _at;

        public string Result => _out.ToString();

        private char Now => Peek(0);

        private char Peek(int ahead) => _at + ahead < source.Length ? source[_at + ahead] : '\0';

        /// <summary>Walks over code; inside an interpolation hole, up to the brace that closes it.</summary>
        public void Code(bool stopAtBrace)
        {
            int depth = 0;
            while (_at < source.Length)
            {
                if (TryBlankToken()) continue;
                if (stopAtBrace && Now == '}' && depth == 0) return;
                if (Now == '{') depth++;
                if (Now == '}') depth--;
                _at++;
            }
        }

        private bool TryBlankToken()
        {
            switch (Now)
            {
                case '/' when Peek(1) == '/':
                    BlankWhile(() => Now != '\n');
                    return true;
                case '/' when Peek(1) == '*':
                    Erase(2);
                    BlankWhile(() => !(Now == '*' && Peek(1) == '/'));
                    Erase(2);
                    return true;
                case '\'':
                    Literal('\'');
                    return true;
                case '"' or '$' or '@':
                    return TryString();
                default:
                    return false;
            }
        }

        private bool TryString()
        {
            int prefix = 0;
            while (Peek(prefix) is '$' or '@') prefix++;
            if (Peek(prefix) != '"') return false;
            string marks = source.Substring(_at, prefix);
            int dollars = marks.Count(mark => mark == '$');
            Erase(prefix);
            int quotes = 0;
            while (Peek(quotes) == '"') quotes++;
            if (quotes >= 3) RawString(quotes, dollars);
            else if (quotes == 2) Erase(2);
            else if (dollars > 0 || marks.Contains('@')) Holed(dollars > 0, marks.Contains('@'));
            else Literal('"');
            return true;
        }

        private void Literal(char quote)
        {
            Erase(1);
            while (_at < source.Length && Now != quote) Erase(Now == '\\' ? 2 : 1);
            Erase(1);
        }

        private void Holed(bool holes, bool verbatim)
        {
            Erase(1);
            while (_at < source.Length)
            {
                if (verbatim && Now == '"' && Peek(1) == '"') Erase(2);
                else if (!verbatim && Now == '\\') Erase(2);
                else if (Now == '"') break;
                else if (holes && Now == '{' && Peek(1) == '{') Erase(2);
                else if (holes && Now == '{') Hole(1);
                else Erase(1);
            }

            Erase(1);
        }

        private void RawString(int quotes, int dollars)
        {
            Erase(quotes);
            string end = new('"', quotes);
            while (_at < source.Length && string.CompareOrdinal(source, _at, end, 0, quotes) != 0)
            {
                if (dollars > 0 && string.CompareOrdinal(source, _at, new string('{', dollars), 0, dollars) == 0)
                    Hole(dollars);
                else Erase(1);
            }

            Erase(quotes);
        }

        /// <summary>A hole's code stays visible but its own braces do not: they are no blocks.</summary>
        private void Hole(int braces)
        {
            Erase(braces);
            Code(stopAtBrace: true);
            Erase(braces);
        }

        private void BlankWhile(Func<bool> inside)
        {
            while (_at < source.Length && inside()) Erase(1);
        }

        private void Erase(int count)
        {
            for (int i = 0; i < count && _at < source.Length; i++, _at++)
            {
                if (source[_at] != '\n') _out[_at] = ' ';
            }
        }
    }
}
