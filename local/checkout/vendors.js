// The gateways' own fields, where real public keys are set: Stripe's Payment Element and Adyen's Drop-in, each loaded
// from its vendor's origin and from nowhere else.

import { simulatedFields } from '/checkout/fields.js';

const SOURCES = {
  stripe: () => ({ script: 'https://js.stripe.com/endive/stripe.js' }),
  adyen: (environment) => {
    const folder = `https://checkoutshopper-${environment}.cdn.adyen.com/checkoutshopper/sdk/6.45.2`;
    return { script: `${folder}/adyen.js`, style: `${folder}/adyen.css` };
  },
};

/** Shows the fields of a gateway in `host`; what they can do stands at `simulatedFields`. */
export async function fieldsOf(host, gateway, page, how) {
  // The simulators' public keys; everything else is a vendor's.
  if (['pk_test_simulator', 'test_simulatedclientkey'].includes(page.publishableKey ?? page.clientKey)) {
    return simulatedFields(host, gateway, page, how);
  }
  const { script, style } = SOURCES[gateway](page.environment);
  await Promise.all([load('script', { src: script }), style && load('link', { rel: 'stylesheet', href: style })]);
  return gateway === 'stripe' ? stripeFields(host, page, how) : adyenFields(host, page, how);
}

function load(kind, attributes) {
  const address = attributes.src ?? attributes.href;
  if (document.querySelector(`${kind}[data-vendor="${address}"]`)) return null;
  return new Promise((loaded, failed) => {
    const element = Object.assign(document.createElement(kind), attributes);
    element.dataset.vendor = address;
    element.addEventListener('load', loaded);
    element.addEventListener('error', () => {
      element.remove();
      failed(new Error('The gateway’s fields could not be loaded.'));
    });
    document.head.append(element);
  });
}

/** `elements` without an intent: the connector makes it, with the confirmation token that comes out here. */
function stripeFields(host, page, how) {
  const stripe = window.Stripe(page.publishableKey);
  const { mode, amount, currency } = page;
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const elements = stripe.elements({
    mode, currency, ...(mode === 'payment' && { amount, setupFutureUsage: 'off_session' }), appearance: { theme: dark ? 'night' : 'stripe' },
  });
  const inner = document.createElement('div');
  host.replaceChildren(inner);
  elements.create('payment').mount(inner);
  return {
    async collect() {
      const { error } = await elements.submit();
      // The element itself shows what is missing.
      if (error) return null;
      const made = await stripe.createConfirmationToken({ elements, params: { return_url: how.returnUrl } });
      if (made.error) throw new Error(made.error.message);
      return { confirmation_token: made.confirmationToken.id };
    },
    async act(action) {
      // Whether it passed is asked of Stripe by the connector; an error here is no more than "the viewer came back".
      await stripe.handleNextAction({ clientSecret: action.client_secret });
      return {};
    },
    again() {},
  };
}

function adyenFields(host, page, how) {
  const inner = document.createElement('div');
  host.replaceChildren(inner);
  let collected, returned, dropin;
  async function begin() {
    const { AdyenCheckout, Dropin } = window.AdyenWeb;
    const { environment, clientKey, amount, paymentMethodsResponse } = page;
    const checkout = await AdyenCheckout({
      environment, clientKey, amount, paymentMethodsResponse, countryCode: page.countryCode ?? 'NL', locale: navigator.language,
      onSubmit: (state) => collected?.(state.data),
      onAdditionalDetails: (state) => returned?.(state.data),
    });
    dropin = new Dropin(checkout, { showPayButton: false, disableFinalAnimation: true }).mount(inner);
  }
  const ready = begin();
  return {
    async collect() {
      await ready;
      const answer = new Promise((done) => {
        collected = done;
      });
      // Where something is missing, the Drop-in says so itself.
      dropin.submit();
      if (!dropin.isValid) return null;
      const data = await answer;
      how.browserInfo = data.browserInfo;
      how.billingAddress = data.billingAddress;
      return data.paymentMethod;
    },
    act(action) {
      const answer = new Promise((done) => {
        returned = done;
      });
      dropin.handleAction(action);
      return answer;
    },
    async again() {
      dropin?.unmount();
      await begin();
    },
  };
}
