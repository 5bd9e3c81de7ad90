// What a message means, in a person's words: the protocol's own words stand beside it.

/** Lanes of the drawing, from left to right. */
export const LANES = ['page', 'cleeng', 'connector', 'gateway'];
const NAMES = { page: 'Viewer’s page', cleeng: 'Cleeng', connector: 'Connector', gateway: 'Gateway', ledger: 'our ledger', stripe: 'Stripe', adyen: 'Adyen' };

/** A party's name; a gateway's own where it is known. */
export const name = (party, peer = '') => (party === 'gateway' && NAMES[peer]) || NAMES[party];

/** From, to, what it looks like, what it means. The first that fits counts. */
const MEANINGS = [
  ['page', 'connector', /^payment-methods/, 'asks how one can pay'],
  ['page', 'connector', /^initial-payment\/finalize/, 'comes back from the bank'],
  ['page', 'connector', /^initial-payment/, 'pays an order'],
  ['page', 'connector', /^payment-details\/finalize/, 'comes back from the bank with a new card'],
  ['page', 'connector', /^payment-details/, 'gives another card'],
  ['cleeng', 'connector', /Authorisation$/i, 'asks for the next period to be authorised'],
  ['cleeng', 'connector', /ForPaymentCapture$/i, 'asks for what is held to be captured'],
  ['cleeng', 'connector', /^capturePayment$/i, 'asks for a payment to be captured'],
  ['cleeng', 'connector', /^refundPayment$/i, 'asks for a payment to be returned'],
  ['cleeng', 'connector', /Termination$/i, 'asks for the subscription to be ended'],
  ['cleeng', 'connector', /Deactivated$/i, 'says that a card is no longer to be used'],
  ['connector', 'cleeng', /^GET \/orders\/\d+\/payments/, 'looks whether the payment is recorded already'],
  ['connector', 'cleeng', /^GET \/orders/, 'reads the order: what it costs, whose it is'],
  ['connector', 'cleeng', /^POST \/orders/, 'makes the renewal’s order: the only source of its amount'],
  ['connector', 'cleeng', /^POST \/payments\/\d+\/refund/, 'tells of money returned'],
  ['connector', 'cleeng', /^POST \/payments/, 'tells what came of the payment'],
  ['connector', 'cleeng', /^PATCH \/payments/, 'tells what became of the payment'],
  ['connector', 'cleeng', /^GET \/payments/, 'looks what is recorded'],
  ['connector', 'cleeng', /terminat/i, 'ends the subscription'],
  ['connector', 'cleeng', /^GET \/subscriptions/, 'looks for the subscription'],
  ['connector', 'cleeng', /payment_details/, 'keeps the card at Cleeng, as a token'],
  ['connector', 'cleeng', /customers/, 'asks whose token this is'],
  ['connector', 'gateway', /capture/, 'captures what is held'],
  ['connector', 'gateway', /cancel/, 'lets go what is held'],
  ['connector', 'gateway', /refund/, 'returns money'],
  ['connector', 'gateway', /payments\/details/, 'hands over what the bank said'],
  ['connector', 'gateway', /^POST .*(payment_intents|\/payments)$/, 'asks for the money'],
  ['connector', 'gateway', /^POST .*confirm$/, 'asks for the money'],
  ['connector', 'gateway', /setup_intents/, 'checks a card, without money'],
  ['connector', 'gateway', /^POST .*customers/, 'keeps the customer there'],
  ['connector', 'gateway', /^GET/, 'looks what became of it'],
  ['connector', 'ledger', /./, 'writes:'],
  ['gateway', 'connector', /succeeded$/, 'says: the money is taken'],
  ['gateway', 'connector', /amount_capturable_updated$/, 'says: the money is held'],
  ['gateway', 'connector', /payment_failed$/, 'says: the card was refused'],
  ['gateway', 'connector', /canceled$|^CANCELLATION$/, 'says: the hold is gone'],
  ['gateway', 'connector', /refund/i, 'says: money was returned'],
  ['gateway', 'connector', /dispute|CHARGEBACK/i, 'says: the bank takes the money back'],
  ['gateway', 'connector', /^AUTHORISATION$/, 'says what came of the payment'],
  ['gateway', 'connector', /^CAPTURE$/, 'says: the money is taken'],
];

/** What was said, as a sentence without its subject. */
export function meaning(said) {
  const found = MEANINGS.find(([from, to, looks]) => said.from === from && said.to === to && looks.test(said.what));
  return found?.[3] ?? (said.to === 'connector' ? 'tells' : 'asks');
}

/** What an answer's status says, beyond its words. */
export function outcome(said) {
  if (said.status >= 500) return `no answer that tells what came of it (${said.status})`;
  return [said.came, said.status >= 300 && said.status].filter(Boolean).join(' · ');
}

/** A refusal is an answer (Stripe gives it as 402). */
export const is_trouble = (said) => said.status >= 400 && said.status !== 402;

/** A line of history begins with the attempt that it is about. */
export function written(text) {
  const [, attempt, rest] = text.match(/^([a-z]+\/\S+): (.+)$/) ?? [];
  return attempt ? { attempt, text: rest } : { attempt: null, text };
}

/** What an episode is about, by the weightiest thing that was said or written in it. */
const EPISODES = [
  [/dispute|CHARGEBACK/, 'Chargeback'],
  [/refundPayment|\/refund/, 'Refund'],
  [/ReadyForTermination|terminat/i, 'End of the subscription'],
  [/^initial-payment/, 'Purchase'],
  [/^payment-details|payment details/, 'Change of card'],
  [/PaymentAuthorisation/, 'Renewal: authorise'],
  [/PaymentCapture|capturePayment/, 'Renewal: capture'],
  [/became the subscription|made from/, 'Linked to its subscription'],
  [/refund|REFUND/, 'Refund'],
  [/declined|payment_failed/, 'Refused'],
  [/^GET /, 'Looked after'],
];

/** A title for events that belong together. */
export function episode(events) {
  const words = events.map((event) => event.what ?? event.text);
  return EPISODES.find(([looks]) => words.some((word) => looks.test(word)))?.[1] ?? 'News';
}
