/**
 * What an event says: ids and amounts, never personal data. Amounts are whole minor units.
 *
 * @typedef {object} Envelope
 * @property {string} id The same in the stream, in every attempt of a webhook, for ever.
 * @property {number} created Seconds since 1970.
 * @property {boolean} livemode
 */
/**
 * @typedef {object} PayoutData
 * @property {string} payout_id
 * @property {number} amount
 * @property {string} currency
 * @property {string} status
 * @property {{ type: string, id: string }} recipient
 * @property {string | null} processed_at
 * @property {string} [failure_code]
 */
/**
 * @typedef {object} BalanceData
 * @property {string} wallet_id
 * @property {number} amount
 * @property {string} currency
 * @property {string} transaction_id
 */
/** @typedef {'initiated' | 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'reversed'} PayoutStep */
/** @typedef {'credited' | 'debited' | 'reserved' | 'released' | 'low_balance'} BalanceStep */
/** @typedef {Envelope & { type: `payout.${PayoutStep}`, data: PayoutData }} PayoutEvent */
/** @typedef {Envelope & { type: `wallet.${BalanceStep}`, data: BalanceData }} BalanceEvent */
/** @typedef {Envelope & { type: string & {}, data: Record<string, unknown> }} OtherEvent */
/** @typedef {PayoutEvent | BalanceEvent | OtherEvent} Event */
/**
 * Whether a value has an envelope's shape.
 *
 * @param {unknown} value
 * @returns {value is Event}
 */
export function isEvent(value: unknown): value is Event;
/**
 * What an event says: ids and amounts, never personal data. Amounts are whole minor units.
 */
export type Envelope = {
    /**
     * The same in the stream, in every attempt of a webhook, for ever.
     */
    id: string;
    /**
     * Seconds since 1970.
     */
    created: number;
    livemode: boolean;
};
export type PayoutData = {
    payout_id: string;
    amount: number;
    currency: string;
    status: string;
    recipient: {
        type: string;
        id: string;
    };
    processed_at: string | null;
    failure_code?: string;
};
export type BalanceData = {
    wallet_id: string;
    amount: number;
    currency: string;
    transaction_id: string;
};
export type PayoutStep = "initiated" | "pending" | "processing" | "completed" | "failed" | "cancelled" | "reversed";
export type BalanceStep = "credited" | "debited" | "reserved" | "released" | "low_balance";
export type PayoutEvent = Envelope & {
    type: `payout.${PayoutStep}`;
    data: PayoutData;
};
export type BalanceEvent = Envelope & {
    type: `wallet.${BalanceStep}`;
    data: BalanceData;
};
export type OtherEvent = Envelope & {
    type: string & {};
    data: Record<string, unknown>;
};
export type Event = PayoutEvent | BalanceEvent | OtherEvent;
