// The gateways' hosted fields, simulated: a test card is chosen by its name, never by a number. What comes out has the
// very shape that Stripe.js and Adyen's Drop-in make, so that everything behind it is the real path.

const copy = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

/** Name at the gateway, brand, last digits, what a page says. */
const CARDS = {
  stripe: [
    ['pm_card_visa', 'Visa', '4242', 'Pays, and renews'],
    ['pm_card_mastercard', 'Mastercard', '4444', 'Pays, and renews'],
    ['pm_card_authenticationRequiredOnSetup', 'Visa', '3155', 'Your bank asks first (3-D Secure)'],
    ['pm_card_chargeDeclinedInsufficientFunds', 'Visa', '9995', 'Refused: not enough money'],
    ['pm_card_chargeDeclinedExpiredCard', 'Visa', '0069', 'Refused: expired'],
    ['pm_card_chargeCustomerFail', 'Visa', '0341', 'Pays once, refuses renewals'],
  ],
  adyen: [
    ['test_visa', 'Visa', '1111', 'Pays, and renews'],
    ['test_mastercard', 'Mastercard', '4444', 'Pays, and renews'],
    ['test_3ds_challenge', 'Visa', '1111', 'Your bank asks first (3-D Secure)'],
    ['test_3ds_redirect', 'Visa', '1111', 'Your bank asks on its own page'],
    ['test_declined_12', 'Visa', '1111', 'Refused: not enough money'],
    ['test_pending', 'Visa', '1111', 'Your bank does not answer yet'],
    ['test_visa_later_declined_12', 'Visa', '1111', 'Pays once, refuses renewals'],
  ],
};
const NAMES = { stripe: /^pm_card_\w+$/, adyen: /^test_\w+$/ };
const EXAMPLES = { stripe: 'pm_card_chargeDeclinedLostCard', adyen: 'test_declined_2_05_03' };
const WALLETS = { applepay: ['Apple Pay', 'applePayToken'], googlepay: ['Google Pay', 'googlePayToken'] };

/**
 * Shows them in `host`. `page` is what the connector said of payment methods; `how` holds `amount` (as text) and
 * `submit`, which a wallet's button calls. `collect` gives the payment data, or null where the viewer must choose first;
 * `act` lets them do what the bank wants and gives what `finalize` is told of it.
 */
export function simulatedFields(host, gateway, page, how) {
  let wallet = null;
  const offered = (page.paymentMethodsResponse?.paymentMethods ?? []).filter((method) => WALLETS[method.type]);
  const cards = document.createElement('fieldset');
  cards.className = 'cards';
  cards.append(Object.assign(document.createElement('legend'), { textContent: 'Test card' }));
  for (const [name, brand, digits, does] of CARDS[gateway]) cards.append(row(name, brand, does, `${brand} ending in ${digits}`));
  const other = row('', 'Other', 'Another test card', 'By its name at the gateway');
  const typed = typedName(gateway);
  cards.append(other, typed.box);
  cards.addEventListener('change', () => typed.show(other.firstElementChild.checked));
  cards.querySelector('input').checked = true;
  host.replaceChildren(...(offered.length ? [walletRow(offered, pressed), rule('or by card')] : []), cards);

  async function pressed(type) {
    const [title] = WALLETS[type];
    if ((await ask('wallet', { 'wallet-title': title, 'wallet-amount': how.amount })) !== 'passed') return;
    wallet = type;
    how.submit();
  }

  function chosen() {
    if (other.firstElementChild.checked) return typed.read();
    return cards.querySelector('input:checked').value;
  }

  return {
    async collect() {
      const type = wallet;
      wallet = null;
      if (type) return { type, [WALLETS[type][1]]: 'simulated' };
      const name = chosen();
      if (!name) return null;
      return gateway === 'stripe' ? { payment_method: name } : {
        type: 'scheme', encryptedCardNumber: name, encryptedExpiryMonth: 'test_03', encryptedExpiryYear: 'test_2030', encryptedSecurityCode: 'test_737',
      };
    },
    act: (action) => act(gateway, action, how.amount),
    again() {},
  };
}

function row(name, brand, title, does) {
  const label = copy('test-card');
  label.querySelector('input').value = name;
  label.querySelector('.face').dataset.brand = brand;
  const [first, second] = label.querySelector('.text').children;
  first.textContent = title;
  second.textContent = does;
  return label;
}

function rule(text) {
  return Object.assign(document.createElement('p'), { className: 'rule', textContent: text });
}

function walletRow(offered, pressed) {
  const box = document.createElement('div');
  box.className = 'wallets';
  for (const { type } of offered) {
    const button = Object.assign(document.createElement('button'), { type: 'button', className: 'wallet', textContent: `Pay with ${WALLETS[type][0]}` });
    button.addEventListener('click', () => pressed(type));
    box.append(button);
  }
  return box;
}

// A card number typed here is refused before it goes anywhere, as the connector would refuse it.
function typedName(gateway) {
  const box = document.createElement('div');
  box.className = 'typed';
  box.hidden = true;
  const label = Object.assign(document.createElement('label'), { htmlFor: 'card-name', textContent: 'Name of the test card' });
  const input = Object.assign(document.createElement('input'), { id: 'card-name', autocomplete: 'off', spellcheck: false, placeholder: EXAMPLES[gateway] });
  const wrong = Object.assign(document.createElement('p'), { id: 'card-wrong', className: 'wrong', hidden: true });
  input.setAttribute('aria-describedby', 'card-wrong');
  input.setAttribute('autocapitalize', 'none');
  box.append(label, input, wrong);
  return {
    box,
    show(is) {
      box.hidden = !is;
    },
    read() {
      const name = input.value.trim();
      const isNumber = name.replace(/\D/g, '').length >= 12;
      const said = isNumber ? 'Never type a card number into a shop. Use a test card’s name.' : `That is no test card’s name. One is ${EXAMPLES[gateway]}.`;
      const fits = NAMES[gateway].test(name) && !isNumber;
      wrong.textContent = fits ? '' : said;
      wrong.hidden = fits;
      input.setAttribute('aria-invalid', String(!fits));
      if (isNumber) input.value = '';
      if (!fits) input.focus();
      return fits ? name : null;
    },
  };
}

/** A modal question; the value of the button that was pressed, `failed` for Escape. */
function ask(id, texts) {
  const dialog = document.getElementById(id);
  for (const [place, text] of Object.entries(texts)) document.getElementById(place).textContent = text;
  return new Promise((answer) => {
    const end = new AbortController();
    for (const button of dialog.querySelectorAll('button')) button.addEventListener('click', () => dialog.close(button.value), { signal: end.signal });
    dialog.addEventListener('close', () => {
      end.abort();
      answer(dialog.returnValue || 'failed');
    }, { signal: end.signal });
    dialog.returnValue = '';
    dialog.showModal();
  });
}

async function act(gateway, action, amount) {
  if (action.type === 'redirect') {
    location.assign(action.url);
    return new Promise(() => {});
  }
  // A fingerprint is the browser's own business; only the challenge is the viewer's.
  if (action.subtype === 'fingerprint') return { details: { threeDSResult: action.token } };
  const passed = (await ask('challenge', { 'challenge-text': `Polder TV asks your bank to confirm ${amount}.` })) === 'passed';
  if (gateway === 'adyen') return { details: { threeDSResult: `${action.token}.${passed ? 'authorised' : 'refused'}` } };
  const result = JSON.stringify({ result: passed ? 'success' : 'fail' });
  await fetch(`/peers/stripe/_simulator/authenticate/${action.id}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: result });
  return {};
}
