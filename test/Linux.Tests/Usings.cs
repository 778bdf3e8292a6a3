global using Xunit;

// Most tests run a QEMU each, which keeps a core busy: one after the other is faster and steadier.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
