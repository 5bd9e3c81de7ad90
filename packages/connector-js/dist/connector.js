/** Why a call gave no result. `message` is English and fit for people; translate by `reason` or `code`. */
export class ConnectorError extends Error {
    constructor(message, about) {
        super(message);
        this.name = 'ConnectorError';
        this.code = about.code;
        this.reason = about.reason;
        this.status = about.status ?? 0;
        this.retryable = about.reason === 'later' || about.reason === 'no-answer' || about.reason === 'still-pending';
        this.retryAfterMilliseconds = about.retryAfterMilliseconds;
        this.cause = about.cause;
    }
}
/** The connector's calls for one gateway. */
export class Connector {
    constructor(options) {
        this.options = options;
    }
    /** What the gateway's own fields need: with `orderId` for paying, without one for adding a card. */
    async paymentMethods(request = {}, call = {}) {
        return (await this.post('payment-methods', request, call)).data;
    }
    /** Pays an order. The amount is the order's own; the page sends none. */
    async initialPayment(request, call = {}) {
        const body = { ...ofThisPage(), ...request };
        const returnUrl = body.returnUrl && withParameter(body.returnUrl, 'orderId', request.orderId);
        return paymentResult(await this.post('initial-payment', { ...body, returnUrl }, call));
    }
    /** After 3-D Secure or a redirect; or, without `details`, to ask what became of a payment. */
    async finalize(request, call = {}) {
        return paymentResult(await this.post('initial-payment/finalize', request, call));
    }
    /** Adds or changes the card that the customer's subscriptions are paid with. Nothing is charged. */
    async paymentDetails(request, call = {}) {
        const body = { ...ofThisPage(), ...request };
        const returnUrl = body.returnUrl && withParameter(body.returnUrl, 'paymentMethodId', request.paymentMethodId);
        return cardResult(await this.post('payment-details', { ...body, returnUrl }, call));
    }
    /** The same as `finalize`, for a card that is being added. */
    async finalizePaymentDetails(request, call = {}) {
        return cardResult(await this.post('payment-details/finalize', request, call));
    }
    /** Ends what a return from a redirect began: see `takeReturn`. */
    async finalizeReturn(back, call = {}) {
        const { details } = back;
        if (back.orderId !== undefined)
            return this.finalize({ orderId: back.orderId, details }, call);
        return this.finalizePaymentDetails({ paymentMethodId: back.paymentMethodId, details }, call);
    }
    /** Asks until a pending payment is decided, or throws `still-pending`. */
    async waitForPayment(request, options = {}) {
        return waitFor((call) => this.finalize(request, call), options);
    }
    /** Asks until a pending card is decided, or throws `still-pending`. */
    async waitForPaymentDetails(request, options = {}) {
        return waitFor((call) => this.finalizePaymentDetails(request, call), options);
    }
    async post(path, body, { signal }) {
        // A captcha is good for one call.
        const retries = 'captcha' in body ? 0 : (this.options.retries ?? 2);
        for (let sent = 1;; sent += 1) {
            try {
                return await this.postOnce(path, body, signal);
            }
            catch (error) {
                if (!(error instanceof ConnectorError && error.retryable) || sent > retries)
                    throw error;
                await pause(error.retryAfterMilliseconds ?? 1000 * sent, signal);
            }
        }
    }
    async postOnce(path, body, signal) {
        const { gateway, token, baseUrl = '', timeoutMilliseconds = 35000, fetch: send = fetch } = this.options;
        const authorization = `Bearer ${typeof token === 'string' ? token : await token()}`;
        if (signal?.aborted)
            throw reasonOfAbort(signal);
        // AbortSignal.any and AbortSignal.timeout are younger than many televisions.
        const controller = new AbortController();
        const stop = () => controller.abort();
        const timer = setTimeout(stop, timeoutMilliseconds);
        signal?.addEventListener('abort', stop);
        try {
            const response = await send(`${baseUrl.replace(/\/+$/, '')}/connectors/${gateway}/${path}`, {
                method: 'POST',
                headers: { 'content-type': 'application/json', authorization },
                body: JSON.stringify(body),
                signal: controller.signal,
                credentials: 'omit',
            });
            return read(response, await response.text());
        }
        catch (error) {
            if (error instanceof ConnectorError)
                throw error;
            if (signal?.aborted)
                throw reasonOfAbort(signal);
            const message = 'The payment service does not answer. Nothing is charged twice: try again in a moment.';
            throw new ConnectorError(message, { code: 'NO_ANSWER', reason: 'no-answer', cause: error });
        }
        finally {
            clearTimeout(timer);
            signal?.removeEventListener('abort', stop);
        }
    }
}
/** Adyen's and Stripe's parameters on return, and which of them `finalize` is told. None of them is believed there. */
const RETURN_PARAMETERS = {
    adyen: { all: ['redirectResult', 'payload', 'sessionId'], told: ['redirectResult', 'payload'] },
    stripe: {
        all: ['payment_intent', 'payment_intent_client_secret', 'setup_intent', 'setup_intent_client_secret', 'redirect_status', 'source_type'],
        told: ['payment_intent', 'setup_intent'],
    },
};
/** Reads a return from an address; undefined where it is not one. Changes nothing. */
export function readReturn(address) {
    const url = new URL(address);
    const query = url.searchParams;
    for (const gateway of ['adyen', 'stripe']) {
        const { all, told } = RETURN_PARAMETERS[gateway];
        const details = {};
        for (const name of told) {
            const value = query.get(name);
            if (value)
                details[name] = value;
        }
        const orderId = query.get('orderId');
        const paymentMethodId = query.get('paymentMethodId');
        if (Object.keys(details).length === 0 || !(orderId ?? paymentMethodId))
            continue;
        for (const name of [...all, 'orderId', 'paymentMethodId'])
            query.delete(name);
        const back = { gateway, details, cleanUrl: url.href };
        return orderId ? { ...back, orderId } : { ...back, paymentMethodId: paymentMethodId };
    }
    return undefined;
}
/** Reads a return from the page's address and removes it there, so that reloading or sharing the page does not repeat it. */
export function takeReturn() {
    const back = readReturn(location.href);
    if (back)
        history.replaceState(history.state, '', back.cleanUrl);
    return back;
}
/** What 3-D Secure wants to know of this browser. */
export function browserInfo() {
    return {
        acceptHeader: '*/*',
        colorDepth: screen.colorDepth,
        javaEnabled: false,
        language: navigator.language,
        screenHeight: screen.height,
        screenWidth: screen.width,
        timeZoneOffset: new Date().getTimezoneOffset(),
        userAgent: navigator.userAgent,
    };
}
function paymentResult({ status, data }) {
    if (data.action)
        return { state: 'action', action: data.action };
    return { state: status === 202 || data.payment.status === 'pending' ? 'pending' : 'paid', payment: data.payment };
}
function cardResult({ data }) {
    if (data.action)
        return { state: 'action', action: data.action };
    return { state: data.paymentDetails.active ? 'kept' : 'pending', paymentDetails: data.paymentDetails };
}
function read(response, text) {
    const { status } = response;
    const body = parsed(text);
    if (response.ok && body?.responseData)
        return { status, data: body.responseData };
    // A success that cannot be read is no answer: whatever it said may have happened.
    if (response.ok)
        throw new ConnectorError('The payment service gave an unreadable answer.', { code: 'NO_ANSWER', reason: 'no-answer', status });
    const code = body?.code ?? `HTTP${status}`;
    const seconds = Number(response.headers.get('retry-after') ?? NaN);
    throw new ConnectorError(body?.errors?.[0] ?? 'The payment service cannot serve this request.', {
        code,
        reason: reasonOf(status, code),
        status,
        retryAfterMilliseconds: Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 60) * 1000 : undefined,
    });
}
function parsed(text) {
    try {
        return JSON.parse(text) ?? undefined;
    }
    catch {
        return undefined;
    }
}
function reasonOf(status, code) {
    if (status === 401)
        return 'signed-out';
    if (status === 429)
        return 'too-many';
    if (status === 500)
        return 'failed';
    if (status > 500)
        return 'later';
    const numbered = { '0001': 'order', '0002': 'refused', '0003': 'cancelled', '0004': 'unservable' };
    return (status === 422 && numbered[code.slice(-4)]) || 'invalid-request';
}
/** The first look after a second, then ever rarer, up to five seconds apart. */
async function waitFor(ask, { signal, timeoutMilliseconds = 60000 }) {
    const end = Date.now() + timeoutMilliseconds;
    const call = signal ? { signal } : {};
    for (let wait = 1000;; wait = Math.min(wait * 1.5, 5000)) {
        await pause(Math.min(wait, Math.max(end - Date.now(), 0)), signal);
        const result = await ask(call).catch((error) => {
            if (error instanceof ConnectorError && error.retryable)
                return undefined;
            throw error;
        });
        if (result && result.state !== 'pending')
            return result;
        if (Date.now() >= end) {
            const message = 'Your bank has not answered yet. Do not pay again: the result appears by itself.';
            throw new ConnectorError(message, { code: 'PENDING', reason: 'still-pending', status: 202 });
        }
    }
}
function pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
        if (signal?.aborted)
            return reject(reasonOfAbort(signal));
        const end = () => {
            signal?.removeEventListener('abort', stop);
            resolve();
        };
        const timer = setTimeout(end, milliseconds);
        const stop = () => {
            clearTimeout(timer);
            reject(reasonOfAbort(signal));
        };
        signal?.addEventListener('abort', stop, { once: true });
    });
}
/** `AbortSignal.reason` is younger than many televisions, too. */
function reasonOfAbort(signal) {
    return signal?.reason ?? new DOMException('The call was given up.', 'AbortError');
}
/** What a browser knows of itself; nothing where there is none. */
function ofThisPage() {
    if (typeof location === 'undefined' || typeof screen === 'undefined')
        return {};
    return { returnUrl: location.href, origin: location.origin, browserInfo: browserInfo() };
}
/** So that the page knows on return what to finalize. */
function withParameter(address, name, value) {
    const url = new URL(address, typeof location === 'undefined' ? undefined : location.href);
    if (!url.searchParams.has(name))
        url.searchParams.set(name, String(value));
    return url.href;
}
