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
export function isEvent(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { id, created, type, data, livemode } = /** @type {Record<string, unknown>} */ (value);
  return (
    typeof id === 'string' &&
    Number.isSafeInteger(created) &&
    typeof type === 'string' &&
    typeof data === 'object' &&
    data !== null &&
    typeof livemode === 'boolean'
  );
}
