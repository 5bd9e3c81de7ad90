// Answers questions with the vendors' own libraries: a JSON array of questions on standard input, one of answers on standard output.
import { hmacValidator } from "@adyen/api-library";
import Stripe from "stripe";

const { webhooks } = new Stripe("sk_test_unused");
const adyen = new hmacValidator();

const answers = {
  // The header that Stripe would send with this body at this second.
  "stripe sign": ({ secret, body, at }) => webhooks.generateTestHeaderString({ secret, payload: body, timestamp: at }),
  // Whether Stripe's library believes this header on this body at this second.
  "stripe verify": ({ secret, body, header, at }) =>
    said(() => webhooks.signature.verifyHeader(body, header, secret, 300, undefined, at * 1000)),
  // The signature that Adyen would put into this item, or into a header beside this whole body.
  "adyen sign": ({ key, data }) => adyen.calculateHmac(data, key),
  "adyen verify item": ({ key, item }) => said(() => adyen.validateHMAC(item, key)),
  "adyen verify body": ({ key, body, signature }) => said(() => adyen.validateHMACSignature(key, signature, body)),
};

function said(ask) {
  try {
    return ask() === true;
  } catch {
    return false;
  }
}

let input = "";
for await (const chunk of process.stdin) input += chunk;
process.stdout.write(JSON.stringify(JSON.parse(input).map((question) => answers[question.ask](question))));
