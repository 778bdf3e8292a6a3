using Xunit;

// Labs with real guests: two at a time would measure each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
