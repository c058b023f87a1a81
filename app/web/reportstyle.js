// How a report looks, on a screen and on A4.

/** The colours of the expressions, as in styles/base.css on a light ground. */
export const TONES = { angry: "#c8402f", happy: "#a87400", sad: "#2f6fb5", surprise: "#8a4fbf", neutral: "#6a787d" };

export const STYLE = `
@page { size: A4; margin: 16mm; }
* { box-sizing: border-box; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
body { max-width: 50rem; margin: 0 auto; padding: 1.5rem; color: #1b2326; background: #fff;
  font: 0.9375rem/1.45 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 1.75rem 0 0.5rem; font-size: 1.125rem; break-after: avoid; }
h3 { margin: 0; font-size: 0.9375rem; }
p { margin: 0.25rem 0; }
header p, small, article p, footer, .scale { color: #566166; font-size: 0.8125rem; }
.limits { margin: 1rem 0; padding: 0.75rem 1rem; border-left: 4px solid #d9a441; background: #fdf1dc; }
.bar { display: flex; height: 0.75rem; margin: 0.375rem 0 0.25rem; overflow: hidden; border-radius: 0.25rem; background: #eeece5; }
.bar i { flex: none; }
.bar.unclear { position: relative; }
.bar.unclear::after { position: absolute; inset: 0; content: "";
  background: repeating-linear-gradient(135deg, transparent 0 4px, #fff 4px 7px); }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; margin: 0.5rem 0; padding: 0; list-style: none; font-size: 0.8125rem; }
.legend i { display: inline-block; width: 0.75rem; height: 0.75rem; margin-right: 0.375rem; border-radius: 0.2rem; vertical-align: -0.1em; }
.scale { display: flex; justify-content: space-between; }
article { display: flex; gap: 0.75rem; padding: 0.625rem 0; border-top: 1px solid #dfdcd3; break-inside: avoid; }
article img { flex: none; width: 3.5rem; height: 3.5rem; border-radius: 0.5rem; }
article div { flex: 1; min-width: 0; }
.lane { display: block; width: 100%; height: 2.5rem; margin: 0.25rem 0; border-radius: 0.25rem; background: #eeece5; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 0.75rem; margin-top: 1.5rem; }
figure { margin: 0; break-inside: avoid; }
figure img { display: block; width: 100%; border-radius: 0.5rem; }
figcaption { font-size: 0.8125rem; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.375rem 0.75rem 0.375rem 0; border-bottom: 1px solid #dfdcd3; text-align: left; vertical-align: top; }
td:first-child, .file { overflow-wrap: anywhere; }
td:first-child:has(~ .wide) { min-width: 10rem; }
td.wide { width: 48%; padding-right: 0; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
footer { margin-top: 2rem; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } }
`;
