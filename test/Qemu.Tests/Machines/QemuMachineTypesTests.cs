using Umbra.Qemu.Machines;
using Xunit;

namespace Umbra.Qemu.Tests.Machines;

public sealed class QemuMachineTypesTests
{
    [Fact]
    public void Types_with_a_version_are_taken_from_QEMUs_list_and_aliases_are_not()
    {
        const string help = """
            Supported machines are:
            microvm              microvm (i386)
            pc                   Standard PC (i440FX + PIIX, 1996) (alias of pc-i440fx-7.2)
            pc-i440fx-7.2        Standard PC (i440FX + PIIX, 1996) (default)
            q35                  Standard PC (Q35 + ICH9, 2009) (alias of pc-q35-7.2)
            pc-q35-7.2           Standard PC (Q35 + ICH9, 2009)
            pc-q35-2.4           Standard PC (Q35 + ICH9, 2009) (deprecated)
            none                 empty machine
            """;
        Assert.Equal(["pc-i440fx-7.2", "pc-q35-2.4", "pc-q35-7.2"], QemuMachineTypes.Parse(help));
        Assert.Empty(QemuMachineTypes.Parse(""));
    }
}
