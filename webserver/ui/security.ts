/** Headers, the origin of a login, and the brake on guessing passwords. */
import type { Request, RequestHandler } from 'express';
import helmet from 'helmet';

/**
 * Nothing inline, nothing from elsewhere. `data:` images are how a task's SVG output is shown: as an image it runs no script.
 * `upgrade-insecure-requests` and HSTS belong to https only; on plain http they would cut the browser off.
 */
export function securityHeaders(https: boolean): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        ...(https ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    strictTransportSecurity: https,
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
    // Without https the browser ignores it and says so on the console.
    crossOriginOpenerPolicy: https,
    originAgentCluster: https,
  }) as RequestHandler;
}

/** A form of ours was sent: browsers say where a POST comes from. Older ones say nothing; SameSite=Lax keeps their cookie back. */
export function isSameOrigin(request: Request): boolean {
  const site = request.get('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  const origin = request.get('origin');
  if (origin === undefined) return true;
  try {
    return new URL(origin).host === request.host;
  } catch {
    return false;
  }
}

const ALLOWED_FAILURES = 8;
const WINDOW_MS = 5 * 60_000;
const MOST_KEYS = 10_000;

/** After eight failures from one address for one name in five minutes, further ones are refused until the window has passed. */
export class LoginBrake {
  private readonly failures = new Map<string, { count: number; until: number }>();

  constructor(private readonly now: () => number = Date.now) {}

  /** Milliseconds to wait; 0 when a try is allowed. */
  waitMs(key: string): number {
    const entry = this.failures.get(key);
    if (!entry || entry.until <= this.now()) return 0;
    return entry.count >= ALLOWED_FAILURES ? entry.until - this.now() : 0;
  }

  failed(key: string): void {
    const entry = this.failures.get(key);
    const count = entry && entry.until > this.now() ? entry.count + 1 : 1;
    this.failures.delete(key);
    this.failures.set(key, { count, until: this.now() + WINDOW_MS });
    for (const oldest of this.failures.keys()) if (this.failures.size > MOST_KEYS) this.failures.delete(oldest);
  }

  succeeded(key: string): void {
    this.failures.delete(key);
  }
}
