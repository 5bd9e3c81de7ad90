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
export type PaymentResult = {
    state: 'paid';
    payment: Payment;
    action?: never;
} | {
    state: 'pending';
    payment: Payment;
    action?: never;
} | {
    state: 'action';
    action: Action;
    payment?: never;
};
/** How a card stands that is being added. `kept`: Cleeng has it, and the customer's subscriptions pay with it. */
export type CardResult = {
    state: 'kept';
    paymentDetails: PaymentDetails;
    action?: never;
} | {
    state: 'pending';
    paymentDetails: PaymentDetails;
    action?: never;
} | {
    state: 'action';
    action: Action;
    paymentDetails?: never;
};
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
'invalid-request'
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
export declare class ConnectorError extends Error {
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
    constructor(message: string, about: {
        code: string;
        reason: Reason;
        status?: number;
        retryAfterMilliseconds?: number | undefined;
        cause?: unknown;
    });
}
/** The connector's calls for one gateway. */
export declare class Connector {
    private readonly options;
    constructor(options: ConnectorOptions);
    /** What the gateway's own fields need: with `orderId` for paying, without one for adding a card. */
    paymentMethods(request?: PaymentMethodsRequest, call?: CallOptions): Promise<PaymentMethods>;
    /** Pays an order. The amount is the order's own; the page sends none. */
    initialPayment(request: InitialPaymentRequest, call?: CallOptions): Promise<PaymentResult>;
    /** After 3-D Secure or a redirect; or, without `details`, to ask what became of a payment. */
    finalize(request: FinalizeRequest, call?: CallOptions): Promise<PaymentResult>;
    /** Adds or changes the card that the customer's subscriptions are paid with. Nothing is charged. */
    paymentDetails(request: PaymentDetailsRequest, call?: CallOptions): Promise<CardResult>;
    /** The same as `finalize`, for a card that is being added. */
    finalizePaymentDetails(request: FinalizePaymentDetailsRequest, call?: CallOptions): Promise<CardResult>;
    /** Ends what a return from a redirect began: see `takeReturn`. */
    finalizeReturn(back: Return, call?: CallOptions): Promise<PaymentResult | CardResult>;
    /** Asks until a pending payment is decided, or throws `still-pending`. */
    waitForPayment(request: FinalizeRequest, options?: WaitOptions): Promise<Exclude<PaymentResult, {
        state: 'pending';
    }>>;
    /** Asks until a pending card is decided, or throws `still-pending`. */
    waitForPaymentDetails(request: FinalizePaymentDetailsRequest, options?: WaitOptions): Promise<Exclude<CardResult, {
        state: 'pending';
    }>>;
    private post;
    private postOnce;
}
/** What a buyer brought back from a redirect. */
export type Return = {
    gateway: Schemas['GatewayName'];
    /** For `finalize`. */
    details: Record<string, string>;
    /** The address without anything of the payment's, for `history.replaceState`. */
    cleanUrl: string;
} & ({
    orderId: string;
    paymentMethodId?: never;
} | {
    paymentMethodId: string;
    orderId?: never;
});
/** Reads a return from an address; undefined where it is not one. Changes nothing. */
export declare function readReturn(address: string | URL): Return | undefined;
/** Reads a return from the page's address and removes it there, so that reloading or sharing the page does not repeat it. */
export declare function takeReturn(): Return | undefined;
/** What 3-D Secure wants to know of this browser. */
export declare function browserInfo(): NonNullable<Schemas['BrowserInfo']>;
export {};
