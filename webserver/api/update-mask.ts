import { ApiError } from './api-error';

/**
 * The fields of a PATCH that are to be changed: those that were sent, or of these the ones that `update_mask` names (as `?update_mask=a,b` or
 * several times). Fields that are left out of the body stay as they are.
 */
export function maskedFields<Body extends object>(
  body: Body,
  mask: readonly string[] | undefined,
  allowed: readonly string[],
): Partial<Body> {
  const wanted = mask?.flatMap((text) => text.split(',')).map((name) => name.trim());
  const unknown = wanted?.find((name) => !allowed.includes(name));
  if (unknown !== undefined) throw new ApiError(400, `update_mask names ${JSON.stringify(unknown)}; allowed are ${allowed.join(', ')}`);
  return Object.fromEntries(Object.entries(body).filter(([name]) => wanted?.includes(name) ?? true)) as Partial<Body>;
}
