using Microsoft.AspNetCore.Http;
using Umbra.Controller.Http;
using Umbra.Core.Api;
using Xunit;

namespace Umbra.Controller.Tests;

public sealed class HttpExchangeTests
{
    [Fact]
    public async Task A_body_that_breaks_off_before_the_request_is_aborted_is_a_caller_that_hung_up()
    {
        var broken = new IOException("The client reset the request stream.");
        var hungUp = await Assert.ThrowsAsync<OperationCanceledException>(() => ReadAsync(broken));
        Assert.Same(broken, hungUp.InnerException);
    }

    [Theory]
    [InlineData(StatusCodes.Status400BadRequest)]
    [InlineData(StatusCodes.Status408RequestTimeout)]
    [InlineData(StatusCodes.Status413PayloadTooLarge)]
    public async Task A_body_that_breaks_HTTP_is_answered_with_the_status_that_says_how(int status)
    {
        var problem = (await ReadAsync(new BadHttpRequestException("it breaks HTTP", status))).Problem!;
        Assert.Equal((ProblemKind.Invalid, status), (problem.Kind, problem.Status));
    }

    private static Task<Fleet.Outcome<AgentHeartbeat>> ReadAsync(Exception failure)
    {
        var context = new DefaultHttpContext();
        context.Request.Body = new FailingBody(failure);
        return HttpExchange.ReadAsync<AgentHeartbeat>(context);
    }

    private sealed class FailingBody(Exception failure) : MemoryStream
    {
        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) =>
            Task.FromException(failure);
    }
}
