/** What a sensor's query answered: null, false, 0, '', '0', 'f' and 'false' mean no; anything else, an empty list or object too, means yes. */
export function isYes(value: unknown): boolean {
  if (typeof value === 'string') return !['', '0', 'f', 'false'].includes(value.trim().toLowerCase());
  return value !== null && value !== undefined && value !== false && value !== 0 && value !== 0n && !Number.isNaN(value);
}
