// The two hubs of the gateway on Microsoft's own SignalR server, for the interop test.
//
//   dotnet exec --runtimeconfig Server.runtimeconfig.json Server.dll PORT KEEP_ALIVE_S TIMEOUT_S
//
// It says what happens as JSON lines on its output, and does what JSON lines on its input tell it:
// {"do":"say","hub":...,"group":...,"target":...,"arguments":[...]}, {"do":"abort"}, {"do":"close",
// "error":...,"allowReconnect":...} (a Close record to everybody, then the end of the connection) and
// {"do":"refuse","times":N} (so many connections are not taken, which the server itself turns into a
// final Close). It ends, as a server that is shut down does, when its input ends.
using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using System.Linq;

public static class Said
{
    static readonly object Gate = new object();
    public static void Line(object what)
    {
        lock (Gate) { Console.Out.WriteLine(JsonSerializer.Serialize(what)); Console.Out.Flush(); }
    }
}

public abstract class Streams : Hub
{
    public static readonly Dictionary<string, HubCallerContext> Open = new Dictionary<string, HubCallerContext>();
    public static int Refusing;
    protected abstract string Name { get; }
    public override Task OnConnectedAsync()
    {
        if (Interlocked.Decrement(ref Refusing) >= 0)
        {
            Said.Line(new { refused = Name });
            throw new HubException("This session has ended.");
        }
        lock (Open) { Open[Context.ConnectionId] = Context; }
        Said.Line(new { opened = Name });
        return Task.CompletedTask;
    }
    public override Task OnDisconnectedAsync(Exception error)
    {
        lock (Open) { Open.Remove(Context.ConnectionId); }
        Said.Line(new { ended = Name, error = error == null ? null : error.Message });
        return Task.CompletedTask;
    }
    protected Task Join(string stream, object about)
    {
        Said.Line(new { subscribed = stream, about });
        return Groups.AddToGroupAsync(Context.ConnectionId, stream + "/" + about);
    }
    protected Task Leave(string stream, object about)
    {
        return Groups.RemoveFromGroupAsync(Context.ConnectionId, stream + "/" + about);
    }
}

public class UserHub : Streams
{
    protected override string Name { get { return "user"; } }
    public Task SubscribeAccounts() { return Join("GatewayUserAccount", ""); }
    public Task SubscribeOrders(int account)
    {
        if (account == 1) throw new HubException("Account 1 was not found.");
        return Join("GatewayUserOrder", account);
    }
    public Task SubscribePositions(int account) { return Join("GatewayUserPosition", account); }
    public Task SubscribeTrades(int account) { return Join("GatewayUserTrade", account); }
    public Task UnsubscribeAccounts() { return Leave("GatewayUserAccount", ""); }
    public Task UnsubscribeOrders(int account) { return Leave("GatewayUserOrder", account); }
    public Task UnsubscribePositions(int account) { return Leave("GatewayUserPosition", account); }
    public Task UnsubscribeTrades(int account) { return Leave("GatewayUserTrade", account); }
}

public class MarketHub : Streams
{
    protected override string Name { get { return "market"; } }
    public Task SubscribeContractQuotes(string contract) { return Join("GatewayQuote", contract); }
    public Task SubscribeContractTrades(string contract) { return Join("GatewayTrade", contract); }
    public Task SubscribeContractMarketDepth(string contract) { return Join("GatewayDepth", contract); }
    public Task UnsubscribeContractQuotes(string contract) { return Leave("GatewayQuote", contract); }
    public Task UnsubscribeContractTrades(string contract) { return Leave("GatewayTrade", contract); }
    public Task UnsubscribeContractMarketDepth(string contract) { return Leave("GatewayDepth", contract); }
}

// Keeps the connections of a hub at hand, so that a Close can be written to each.
public class Known<T> : DefaultHubLifetimeManager<T> where T : Hub
{
    readonly Dictionary<string, HubConnectionContext> connections = new Dictionary<string, HubConnectionContext>();
    public Known(ILogger<DefaultHubLifetimeManager<T>> logger) : base(logger) { }
    public override Task OnConnectedAsync(HubConnectionContext connection)
    {
        lock (connections) { connections[connection.ConnectionId] = connection; }
        return base.OnConnectedAsync(connection);
    }
    public override Task OnDisconnectedAsync(HubConnectionContext connection)
    {
        lock (connections) { connections.Remove(connection.ConnectionId); }
        return base.OnDisconnectedAsync(connection);
    }
    public async Task Close(CloseMessage message)
    {
        HubConnectionContext[] open;
        lock (connections) { open = connections.Values.ToArray(); }
        foreach (var one in open) { await one.WriteAsync(message); one.Abort(); }
    }
}

public static class Program
{
    static IHost host;

    public static async Task Main(string[] arguments)
    {
        var port = arguments[0];
        var keepAlive = double.Parse(arguments[1], System.Globalization.CultureInfo.InvariantCulture);
        var timeout = double.Parse(arguments[2], System.Globalization.CultureInfo.InvariantCulture);
        host = new HostBuilder()
            .ConfigureWebHost(web => web
                .UseKestrel()
                .UseUrls("http://127.0.0.1:" + port)
                .ConfigureServices(services =>
                {
                    services.AddRouting().AddSignalR(options =>
                    {
                        options.KeepAliveInterval = TimeSpan.FromSeconds(keepAlive);
                        options.ClientTimeoutInterval = TimeSpan.FromSeconds(timeout);
                    });
                    services.AddSingleton<HubLifetimeManager<UserHub>, Known<UserHub>>();
                    services.AddSingleton<HubLifetimeManager<MarketHub>, Known<MarketHub>>();
                })
                .Configure(application =>
                {
                    application.Use(async (context, next) =>
                    {
                        // As the bearer middleware of ASP.NET does: the header, or the query.
                        var header = (string)context.Request.Headers["Authorization"] ?? "";
                        var place = header.StartsWith("Bearer ") ? "header"
                            : context.Request.Query.ContainsKey("access_token") ? "query" : "none";
                        Said.Line(new { asked = context.Request.Path.Value, token = place });
                        if (place == "none") { context.Response.StatusCode = 401; return; }
                        await next();
                    });
                    application.UseRouting();
                    application.UseEndpoints(routes =>
                    {
                        routes.MapHub<UserHub>("/hubs/user");
                        routes.MapHub<MarketHub>("/hubs/market");
                    });
                }))
            .ConfigureHostOptions()
            .Build();
        await host.StartAsync();
        var addresses = host.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>()
            .Features.Get<IServerAddressesFeature>().Addresses;
        Said.Line(new { listening = addresses.First() });
        string line;
        while ((line = await Console.In.ReadLineAsync()) != null) await Do(line);
        await host.StopAsync(TimeSpan.FromSeconds(1));
        Said.Line(new { stopped = true });
    }

    static async Task Do(string line)
    {
        using (var order = JsonDocument.Parse(line))
        {
            var root = order.RootElement;
            var deed = root.GetProperty("do").GetString();
            if (deed == "say")
            {
                var arguments = root.GetProperty("arguments").EnumerateArray().Select(one => (object)one.Clone()).ToArray();
                var target = root.GetProperty("target").GetString();
                var group = root.GetProperty("group").GetString();
                if (root.GetProperty("hub").GetString() == "user")
                    await host.Services.GetRequiredService<IHubContext<UserHub>>().Clients.Group(group).SendCoreAsync(target, arguments);
                else
                    await host.Services.GetRequiredService<IHubContext<MarketHub>>().Clients.Group(group).SendCoreAsync(target, arguments);
            }
            else if (deed == "abort")
            {
                HubCallerContext[] open;
                lock (Streams.Open) { open = Streams.Open.Values.ToArray(); }
                foreach (var one in open) one.Abort();
            }
            else if (deed == "close")
            {
                var message = new CloseMessage(root.GetProperty("error").GetString(), root.GetProperty("allowReconnect").GetBoolean());
                await ((Known<UserHub>)host.Services.GetRequiredService<HubLifetimeManager<UserHub>>()).Close(message);
                await ((Known<MarketHub>)host.Services.GetRequiredService<HubLifetimeManager<MarketHub>>()).Close(message);
            }
            else if (deed == "refuse")
            {
                Streams.Refusing = root.GetProperty("times").GetInt32();
            }
        }
    }

    static IHostBuilder ConfigureHostOptions(this IHostBuilder builder)
    {
        return builder.ConfigureServices(services => services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1)));
    }
}
