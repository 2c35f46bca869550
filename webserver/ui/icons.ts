/** The line icons of the interface: drawn on a 16 × 16 grid, 1.5 px strokes, `currentColor`. */
const shapes = {
  overview:
    '<rect x="2" y="2" width="5" height="6" rx="1"/><rect x="9" y="2" width="5" height="3.5" rx="1"/><rect x="2" y="10.5" width="5" height="3.5" rx="1"/><rect x="9" y="8" width="5" height="6" rx="1"/>',
  dags: '<circle cx="3.5" cy="8" r="1.75"/><circle cx="12.5" cy="3.5" r="1.75"/><circle cx="12.5" cy="12.5" r="1.75"/><path d="M5.2 7.2 10.8 4.3M5.2 8.8l5.6 2.9"/>',
  pools: '<path d="M8 2 2 5l6 3 6-3-6-3ZM2 8l6 3 6-3M2 11l6 3 6-3"/>',
  variables:
    '<path d="M5 2.5c-1.6 0-2 .8-2 2v1.6c0 1-.5 1.6-1.5 1.9 1 .3 1.5.9 1.5 1.9v1.6c0 1.2.4 2 2 2M11 2.5c1.6 0 2 .8 2 2v1.6c0 1 .5 1.6 1.5 1.9-1 .3-1.5.9-1.5 1.9v1.6c0 1.2-.4 2-2 2"/>',
  connections: '<path d="M6 2v3M10 2v3M4 5h8v2.5a4 4 0 0 1-8 0V5ZM8 11.5V14"/>',
  users:
    '<circle cx="6" cy="5.2" r="2.6"/><path d="M1.8 13.5c0-2.6 1.8-4.2 4.2-4.2s4.2 1.6 4.2 4.2M10.6 2.9a2.5 2.5 0 0 1 0 4.7M12 9.9c1.4.6 2.2 1.9 2.2 3.6"/>',
  jobs: '<rect x="2" y="2.5" width="12" height="4.5" rx="1"/><rect x="2" y="9" width="12" height="4.5" rx="1"/><path d="M4.5 4.75h.01M4.5 11.25h.01"/>',
  config: '<path d="M2 4.5h6M12 4.5h2M2 11.5h2M8 11.5h6"/><circle cx="10" cy="4.5" r="1.75"/><circle cx="6" cy="11.5" r="1.75"/>',
  search: '<circle cx="7" cy="7" r="4.25"/><path d="m10.2 10.2 3.3 3.3"/>',
  play: '<path d="M4.5 2.8v10.4L13 8 4.5 2.8Z"/>',
  pause: '<path d="M5 3v10M11 3v10"/>',
  check: '<path d="m3 8.5 3.2 3.2L13 4.8"/>',
  cross: '<path d="m4 4 8 8M12 4l-8 8"/>',
  clock: '<circle cx="8" cy="8" r="5.75"/><path d="M8 4.8V8l2.2 1.6"/>',
  retry: '<path d="M13.2 8a5.2 5.2 0 1 1-1.6-3.7M13.4 2v2.9h-2.9"/>',
  skip: '<path d="M3 3.5 7.8 8 3 12.5v-9ZM8.2 3.5 13 8l-4.8 4.5v-9Z"/>',
  dash: '<path d="M4 8h8"/>',
  up: '<path d="M8 13V3.2M4 7l4-4 4 4"/>',
  moon: '<path d="M13.3 9.6A5.6 5.6 0 0 1 6.4 2.7a5.6 5.6 0 1 0 6.9 6.9Z"/>',
  sun: '<circle cx="8" cy="8" r="2.9"/><path d="M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7"/>',
  system: '<rect x="2" y="3" width="12" height="8" rx="1.2"/><path d="M6 14h4M8 11v3"/>',
  globe: '<circle cx="8" cy="8" r="5.75"/><path d="M2.3 8h11.4M8 2.2c2 2 2.4 4 2.4 5.8S10 11.8 8 13.8C6 11.8 5.6 9.8 5.6 8S6 4.2 8 2.2Z"/>',
  menu: '<path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11"/>',
  chevron: '<path d="m6 3.5 4.5 4.5L6 12.5"/>',
  down: '<path d="m3.5 6 4.5 4.5L12.5 6"/>',
  calendar: '<rect x="2.2" y="3" width="11.6" height="10.8" rx="1.4"/><path d="M2.2 6.5h11.6M5.5 1.5V4M10.5 1.5V4"/>',
  alert: '<path d="M8 2.2 14.3 13.3H1.7L8 2.2ZM8 6.5v3M8 11.4h.01"/>',
  info: '<circle cx="8" cy="8" r="5.75"/><path d="M8 7.3v3.4M8 5.2h.01"/>',
  download: '<path d="M8 2.5v7.8M4.5 7 8 10.5 11.5 7M2.8 13.3h10.4"/>',
  wrap: '<path d="M2.5 4h11M2.5 8h8.7a2.3 2.3 0 0 1 0 4.6H8M9.6 11 8 12.6l1.6 1.6M2.5 12h2.5"/>',
  expand: '<path d="M6 2.5H2.5V6M10 2.5h3.5V6M6 13.5H2.5V10M10 13.5h3.5V10"/>',
  collapse: '<path d="M2.5 6H6V2.5M13.5 6H10V2.5M2.5 10H6v3.5M13.5 10H10v3.5"/>',
  plus: '<path d="M8 3v10M3 8h10"/>',
  minus: '<path d="M3 8h10"/>',
  fit: '<rect x="2.5" y="2.5" width="11" height="11" rx="1.5"/><path d="M6 8h4M8 6v4"/>',
  logout: '<path d="M6.5 2.5h-3a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h3M10 11l3-3-3-3M13 8H6"/>',
  backfill: '<path d="M7.5 3.5 3 8l4.5 4.5M13 3.5 8.5 8l4.5 4.5"/>',
  code: '<path d="M5.5 4 1.8 8l3.7 4M10.5 4l3.7 4-3.7 4"/>',
  tag: '<path d="M2.5 2.5h5l6 6-5 5-6-6v-5ZM5.2 5.2h.01"/>',
  copy: '<rect x="5.5" y="5.5" width="8" height="8" rx="1.3"/><path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2"/>',
  external: '<path d="M9.5 2.5h4v4M13.5 2.5 7.5 8.5M11.5 9.5v3a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h3"/>',
  hourglass: '<path d="M4 2h8M4 14h8M4.8 2c0 3.5 3.2 4 3.2 6s-3.2 2.5-3.2 6M11.2 2c0 3.5-3.2 4-3.2 6s3.2 2.5 3.2 6"/>',
  file: '<path d="M4 1.8h5L12.5 5.3v8.9H4zM9 1.8v3.5h3.5"/>',
  star: '<path d="m8 1.9 1.9 3.9 4.2.6-3 3 .7 4.2L8 11.6l-3.8 2 .7-4.2-3-3 4.2-.6L8 1.9Z"/>',
  dot: '<circle cx="8" cy="8" r="3"/>',
} as const;

export type IconName = keyof typeof shapes;

/** An inline SVG, hidden from screen readers: the text beside it, or the control's label, says the same. */
export function icon(name: IconName, size = 16): string {
  return `<svg class="icon i-${name}" width="${size}" height="${size}" viewBox="0 0 16 16" aria-hidden="true">${shapes[name]}</svg>`;
}
