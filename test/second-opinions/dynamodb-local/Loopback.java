import java.net.InetSocketAddress;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.ContextHandler;
import software.amazon.dynamodb.services.local.server.LocalDynamoDBRequestHandler;
import software.amazon.dynamodb.services.local.server.LocalDynamoDBServerHandler;

/** DynamoDB Local listens on every address of the machine and has no option against it; here it does not. */
public class Loopback {
  public static void main(String[] arguments) throws Exception {
    var requests = new LocalDynamoDBRequestHandler(0, true, null, true, false);
    var server = new Server(new InetSocketAddress("127.0.0.1", 0));
    server.setHandler(new ContextHandler(new LocalDynamoDBServerHandler(requests, null), "/"));
    server.start();
    System.out.println("listening on " + ((ServerConnector) server.getConnectors()[0]).getLocalPort());
    server.join();
  }
}
