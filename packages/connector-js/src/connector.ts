/**
 * The front end's client of the payment connector: the calls, their errors by code, the return from a redirect, and the
 * wait for a payment that nobody knows the end of yet. No dependencies; browsers since 2020 (televisions too) and Node 20.
 */
import type { components } from './api.js';

type Schemas = components['schemas'];

/** Cleeng's payment, as the connector shows it. */
export type Payment = Schemas['Payment'];
/** A card, as Cleeng keeps it. */
export type PaymentDetails = Schemas['PaymentDetails'];
/** For the gateway's own library: `stripe.handleNextAction`, `dropin.handleAction`. */
export type Action = Schemas['Action'];
/** What Stripe's or Adyen's own fields need. */
export type PaymentMethods = Schemas['StripePaymentMethods'] | Schemas['AdyenPaymentMethods'];
export type StripePaymentMethods = Schemas['StripePaymentMethods'];
export type AdyenPaymentMethods = Schemas['AdyenPaymentMethods'];
export type PaymentMethodsRequest = Schemas['PaymentMethodsRequest'];
export type FinalizeRequest = Schemas['FinalizeRequest'];
export type FinalizePaymentDetailsRequest = Schemas['FinalizePaymentDetailsRequest'];
/** In a browser `returnUrl` is the page's own address unless you give another; `origin` and `browserInfo` are filled in. */
export type InitialPaymentRequest = Optional<Schemas['InitialPaymentRequest'], 'returnUrl'>;
export type PaymentDetailsRequest = Optional<Schemas['PaymentDetailsRequest'], 'returnUrl'>;

type Optional<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;

/**
 * How a payment stands. `paid`: bought. `action`: the buyer must act first, hand `action` to the gateway's library, then
 * call `finalize`. `pending`: nobody knows yet, call `waitForPayment`; never offer to pay anew.
 */
export type PaymentResult =
  | { state: 'paid'; payment: Payment; action?: never }
  | { state: 'pending'; payment: Payment; action?: never }
  | { state: 'action'; action: Action; payment?: never };

/** How a card stands that is being added. `kept`: Cleeng has it, and the customer's subscriptions pay with it. */
export type CardResult =
  | { state: 'kept'; paymentDetails: PaymentDetails; action?: never }
  | { state: 'pending'; paymentDetails: PaymentDetails; action?: never }
  | { state: 'action'; action: Action; paymentDetails?: never };

export interface ConnectorOptions {
  /** The gateway that the page's fields belong to. */
  gateway: Schemas['GatewayName'];
  /** The customer's token of Cleeng's MediaStore API, or how to get the one of now; asked before every call. */
  token: string | (() => string | Promise<string>);
  /** Where the connector is, such as `https://pay.acme.tv`; the page's own origin if left out. */
  baseUrl?: string;
  /** How long one request may take; 35 s, a little more than the connector itself gives up after. */
  timeoutMilliseconds?: number;
  /** How often a request is sent again that had no answer or was put off (503); 2. Safe: an order is never charged twice. */
  retries?: number;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  /** Ends the call: it then throws the signal's reason. What was sent may have happened all the same. */
  signal?: AbortSignal;
}

export interface WaitOptions extends CallOptions {
  /** How long to wait at most; 60 s. */
  timeoutMilliseconds?: number;
}

/** What a call failed for, to decide by; `code` says more. */
export type Reason =
  /** The page's mistake: the body, the path, a returnUrl that is not on the list (REQ…). */
  | 'invalid-request'
  /** The customer's token is missing, wrong or expired: refresh it or log in (AUTH…). */
  | 'signed-out'
  /** No such order, or not one to be paid now: create a new one (…0001). */
  | 'order'
  /** Refused, nothing was charged: offer another card (…0002). */
  | 'refused'
  /** Given up by the buyer, nothing was charged (…0003). */
  | 'cancelled'
  /** Cannot be served as asked, such as payment data of another gateway (…0004). */
  | 'unservable'
  /** Too many tries (429). */
  | 'too-many'
  /** Not now; the same request may be sent again (…0005 with 503). */
  | 'later'
  /** Something is wrong at the connector, whose operator has been told (…0005 with 500). */
  | 'failed'
  /** No answer came. What was asked may have happened: the same call again tells, and never charges twice. */
  | 'no-answer'
  /** Nobody knew the end when `waitForPayment` gave up: show "we are checking", never "pay again". */
  | 'still-pending';

/** Why a call gave no result. `message` is English and fit for people; translate by `reason` or `code`. */
export class ConnectorError extends Error {
  /** The connector's code (`STRIPE0002`), or `NO_ANSWER`, `PENDING`, or `HTTP<status>` where none came. */
  readonly code: string;
  readonly reason: Reason;
  /** The HTTP status; 0 where no answer came. */
  readonly status: number;
  /** Whether the very same call may help in a moment. */
  readonly retryable: boolean;
  /** Where the answer said when to come again. */
  readonly retryAfterMilliseconds: number | undefined;
  /** What it comes from, where no answer came. */
  readonly cause: unknown;

  constructor(message: string, about: { code: string; reason: Reason; status?: number; retryAfterMilliseconds?: number | undefined; cause?: unknown }) {
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
  private readonly options: ConnectorOptions;

  constructor(options: ConnectorOptions) {
    this.options = options;
  }

  /** What the gateway's own fields need: with `orderId` for paying, without one for adding a card. */
  async paymentMethods(request: PaymentMethodsRequest = {}, call: CallOptions = {}): Promise<PaymentMethods> {
    return (await this.post<PaymentMethods>('payment-methods', request, call)).data;
  }

  /** Pays an order. The amount is the order's own; the page sends none. */
  async initialPayment(request: InitialPaymentRequest, call: CallOptions = {}): Promise<PaymentResult> {
    const body = { ...ofThisPage(), ...request };
    const returnUrl = body.returnUrl && withParameter(body.returnUrl, 'orderId', request.orderId);
    return paymentResult(await this.post('initial-payment', { ...body, returnUrl }, call));
  }

  /** After 3-D Secure or a redirect; or, without `details`, to ask what became of a payment. */
  async finalize(request: FinalizeRequest, call: CallOptions = {}): Promise<PaymentResult> {
    return paymentResult(await this.post('initial-payment/finalize', request, call));
  }

  /** Adds or changes the card that the customer's subscriptions are paid with. Nothing is charged. */
  async paymentDetails(request: PaymentDetailsRequest, call: CallOptions = {}): Promise<CardResult> {
    const body = { ...ofThisPage(), ...request };
    const returnUrl = body.returnUrl && withParameter(body.returnUrl, 'paymentMethodId', request.paymentMethodId);
    return cardResult(await this.post('payment-details', { ...body, returnUrl }, call));
  }

  /** The same as `finalize`, for a card that is being added. */
  async finalizePaymentDetails(request: FinalizePaymentDetailsRequest, call: CallOptions = {}): Promise<CardResult> {
    return cardResult(await this.post('payment-details/finalize', request, call));
  }

  /** Ends what a return from a redirect began: see `takeReturn`. */
  async finalizeReturn(back: Return, call: CallOptions = {}): Promise<PaymentResult | CardResult> {
    const { details } = back;
    if (back.orderId !== undefined) return this.finalize({ orderId: back.orderId, details }, call);
    return this.finalizePaymentDetails({ paymentMethodId: back.paymentMethodId, details }, call);
  }

  /** Asks until a pending payment is decided, or throws `still-pending`. */
  async waitForPayment(request: FinalizeRequest, options: WaitOptions = {}): Promise<Exclude<PaymentResult, { state: 'pending' }>> {
    return waitFor((call) => this.finalize(request, call), options);
  }

  /** Asks until a pending card is decided, or throws `still-pending`. */
  async waitForPaymentDetails(request: FinalizePaymentDetailsRequest, options: WaitOptions = {}): Promise<Exclude<CardResult, { state: 'pending' }>> {
    return waitFor((call) => this.finalizePaymentDetails(request, call), options);
  }

  private async post<T>(path: string, body: object, { signal }: CallOptions): Promise<Answer<T>> {
    // A captcha is good for one call.
    const retries = 'captcha' in body ? 0 : (this.options.retries ?? 2);
    for (let sent = 1; ; sent += 1) {
      try {
        return await this.postOnce<T>(path, body, signal);
      } catch (error) {
        if (!(error instanceof ConnectorError && error.retryable) || sent > retries) throw error;
        await pause(error.retryAfterMilliseconds ?? 1000 * sent, signal);
      }
    }
  }

  private async postOnce<T>(path: string, body: object, signal: AbortSignal | undefined): Promise<Answer<T>> {
    const { gateway, token, baseUrl = '', timeoutMilliseconds = 35_000, fetch: send = fetch } = this.options;
    const authorization = `Bearer ${typeof token === 'string' ? token : await token()}`;
    if (signal?.aborted) throw reasonOfAbort(signal);
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
      return read<T>(response, await response.text());
    } catch (error) {
      if (error instanceof ConnectorError) throw error;
      if (signal?.aborted) throw reasonOfAbort(signal);
      const message = 'The payment service does not answer. Nothing is charged twice: try again in a moment.';
      throw new ConnectorError(message, { code: 'NO_ANSWER', reason: 'no-answer', cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }
}

/** What a buyer brought back from a redirect. */
export type Return = {
  gateway: Schemas['GatewayName'];
  /** For `finalize`. */
  details: Record<string, string>;
  /** The address without anything of the payment's, for `history.replaceState`. */
  cleanUrl: string;
} & ({ orderId: string; paymentMethodId?: never } | { paymentMethodId: string; orderId?: never });

/** Adyen's and Stripe's parameters on return, and which of them `finalize` is told. None of them is believed there. */
const RETURN_PARAMETERS: Record<Schemas['GatewayName'], { all: string[]; told: string[] }> = {
  adyen: { all: ['redirectResult', 'payload', 'sessionId'], told: ['redirectResult', 'payload'] },
  stripe: {
    all: ['payment_intent', 'payment_intent_client_secret', 'setup_intent', 'setup_intent_client_secret', 'redirect_status', 'source_type'],
    told: ['payment_intent', 'setup_intent'],
  },
};

/** Reads a return from an address; undefined where it is not one. Changes nothing. */
export function readReturn(address: string | URL): Return | undefined {
  const url = new URL(address);
  const query = url.searchParams;
  for (const gateway of ['adyen', 'stripe'] as const) {
    const { all, told } = RETURN_PARAMETERS[gateway];
    const details: Record<string, string> = {};
    for (const name of told) {
      const value = query.get(name);
      if (value) details[name] = value;
    }
    const orderId = query.get('orderId');
    const paymentMethodId = query.get('paymentMethodId');
    if (Object.keys(details).length === 0 || !(orderId ?? paymentMethodId)) continue;
    for (const name of [...all, 'orderId', 'paymentMethodId']) query.delete(name);
    const back = { gateway, details, cleanUrl: url.href };
    return orderId ? { ...back, orderId } : { ...back, paymentMethodId: paymentMethodId as string };
  }
  return undefined;
}

/** Reads a return from the page's address and removes it there, so that reloading or sharing the page does not repeat it. */
export function takeReturn(): Return | undefined {
  const back = readReturn(location.href);
  if (back) history.replaceState(history.state, '', back.cleanUrl);
  return back;
}

/** What 3-D Secure wants to know of this browser. */
export function browserInfo(): NonNullable<Schemas['BrowserInfo']> {
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

interface Answer<T> {
  status: number;
  data: T;
}

type PaymentData = { payment: Payment; action?: never } | { action: Action; payment?: never };
type CardData = { paymentDetails: PaymentDetails; action?: never } | { action: Action; paymentDetails?: never };

function paymentResult({ status, data }: Answer<PaymentData>): PaymentResult {
  if (data.action) return { state: 'action', action: data.action };
  return { state: status === 202 || data.payment.status === 'pending' ? 'pending' : 'paid', payment: data.payment };
}

function cardResult({ data }: Answer<CardData>): CardResult {
  if (data.action) return { state: 'action', action: data.action };
  return { state: data.paymentDetails.active ? 'kept' : 'pending', paymentDetails: data.paymentDetails };
}

function read<T>(response: Response, text: string): Answer<T> {
  const { status } = response;
  const body = parsed(text);
  if (response.ok && body?.responseData) return { status, data: body.responseData as T };
  // A success that cannot be read is no answer: whatever it said may have happened.
  if (response.ok) throw new ConnectorError('The payment service gave an unreadable answer.', { code: 'NO_ANSWER', reason: 'no-answer', status });
  const code = body?.code ?? `HTTP${status}`;
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  throw new ConnectorError(body?.errors?.[0] ?? 'The payment service cannot serve this request.', {
    code,
    reason: reasonOf(status, code),
    status,
    retryAfterMilliseconds: Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 60) * 1000 : undefined,
  });
}

function parsed(text: string): { responseData?: unknown; errors?: string[]; code?: string } | undefined {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(status: number, code: string): Reason {
  if (status === 401) return 'signed-out';
  if (status === 429) return 'too-many';
  if (status === 500) return 'failed';
  if (status > 500) return 'later';
  const numbered: Record<string, Reason> = { '0001': 'order', '0002': 'refused', '0003': 'cancelled', '0004': 'unservable' };
  return (status === 422 && numbered[code.slice(-4)]) || 'invalid-request';
}

/** The first look after a second, then ever rarer, up to five seconds apart. */
async function waitFor<R extends { state: string }>(
  ask: (call: CallOptions) => Promise<R>,
  { signal, timeoutMilliseconds = 60_000 }: WaitOptions,
): Promise<Exclude<R, { state: 'pending' }>> {
  const end = Date.now() + timeoutMilliseconds;
  const call = signal ? { signal } : {};
  for (let wait = 1000; ; wait = Math.min(wait * 1.5, 5000)) {
    await pause(Math.min(wait, Math.max(end - Date.now(), 0)), signal);
    const result = await ask(call).catch((error: unknown) => {
      if (error instanceof ConnectorError && error.retryable) return undefined;
      throw error;
    });
    if (result && result.state !== 'pending') return result as Exclude<R, { state: 'pending' }>;
    if (Date.now() >= end) {
      const message = 'Your bank has not answered yet. Do not pay again: the result appears by itself.';
      throw new ConnectorError(message, { code: 'PENDING', reason: 'still-pending', status: 202 });
    }
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(reasonOfAbort(signal));
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
function reasonOfAbort(signal: AbortSignal | undefined): unknown {
  return signal?.reason ?? new DOMException('The call was given up.', 'AbortError');
}

/** What a browser knows of itself; nothing where there is none. */
function ofThisPage(): { returnUrl?: string; origin?: string; browserInfo?: NonNullable<Schemas['BrowserInfo']> } {
  if (typeof location === 'undefined' || typeof screen === 'undefined') return {};
  return { returnUrl: location.href, origin: location.origin, browserInfo: browserInfo() };
}

/** So that the page knows on return what to finalize. */
function withParameter(address: string, name: string, value: string | number): string {
  const url = new URL(address, typeof location === 'undefined' ? undefined : location.href);
  if (!url.searchParams.has(name)) url.searchParams.set(name, String(value));
  return url.href;
}
