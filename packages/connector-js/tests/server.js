// A tiny connector that answers as a test wants, and remembers what it was asked.
import { createServer } from 'node:http';
import { once } from 'node:events';

/** Each answer is `[status, body, headers?]`, or `'silence'` for none at all; the last one is repeated. */
export async function answering(...answers) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    asked.push({ method: request.method, path: request.url, headers: request.headers, body: JSON.parse(text) });
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    if (answer === 'silence') return;
    if (answer === 'cut') return void request.socket.destroy();
    const [status, body, headers = {}] = answer;
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { asked, baseUrl: `http://127.0.0.1:${server.address().port}`, close };
}

export const said = (responseData) => ({ responseData, errors: [] });
export const refused = (code, sentence = 'No.') => ({ responseData: null, errors: [sentence], code });
export const payment = (status) => ({
  payment: { id: status === 'pending' ? null : 1, orderId: 7, status, totalAmount: 6.99, currency: 'EUR', customerId: 3, paymentGateway: 'stripe' },
});
