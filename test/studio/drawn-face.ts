import sharp from "sharp";

const face = `<svg xmlns="http://www.w3.org/2000/svg" width="512" height="512">
<defs>
  <radialGradient id="skin" cx="45%" cy="40%" r="65%">
    <stop offset="0" stop-color="#f1c9a8"/><stop offset="0.7" stop-color="#d9a37c"/><stop offset="1" stop-color="#a8714d"/>
  </radialGradient>
  <filter id="soft"><feGaussianBlur stdDeviation="2.2"/></filter>
  <filter id="shade"><feGaussianBlur stdDeviation="7"/></filter>
</defs>
<rect width="512" height="512" fill="#8fa3ad"/>
<path d="M120 512c0-90 60-120 136-120s136 30 136 120z" fill="#3b4a6b"/>
<rect x="212" y="330" width="88" height="90" rx="30" fill="#c08a64"/>
<g filter="url(#soft)">
  <ellipse cx="256" cy="190" rx="128" ry="140" fill="#2e1f18"/>
  <ellipse cx="256" cy="236" rx="104" ry="138" fill="url(#skin)"/>
  <path d="M150 190c20-80 190-90 212 0-30-40-60-60-106-60s-80 20-106 60z" fill="#2e1f18"/>
</g>
<g filter="url(#shade)" fill="#7d4a30" opacity=".5">
  <ellipse cx="208" cy="222" rx="34" ry="18"/><ellipse cx="304" cy="222" rx="34" ry="18"/>
  <ellipse cx="256" cy="292" rx="26" ry="12"/><ellipse cx="256" cy="362" rx="50" ry="14"/>
</g>
<g filter="url(#soft)">
  <path d="M178 200q30-18 58-4M276 196q30-14 58 4" stroke="#2e1f18" stroke-width="8" fill="none"/>
  <ellipse cx="208" cy="224" rx="22" ry="10" fill="#f7f3ee"/><ellipse cx="304" cy="224" rx="22" ry="10" fill="#f7f3ee"/>
  <circle cx="208" cy="224" r="9.5" fill="#3a2416"/><circle cx="304" cy="224" r="9.5" fill="#3a2416"/>
  <path d="M184 222q24-18 48 0M280 222q24-18 48 0" stroke="#1c110b" stroke-width="4" fill="none"/>
  <path d="M238 290q6 8 18 8t18-8" stroke="#7d4a30" stroke-width="5" fill="none"/>
  <path d="M212 330q22-12 44-4 22-8 44 4-20 8-44 8t-44-8z" fill="#9c4a45"/>
</g>
</svg>`;

/** A portrait of nobody, drawn: enough of a face for the detector, 512 x 512 pixels. */
export function drawFace(): Promise<Buffer> {
  return sharp(Buffer.from(face)).jpeg({ quality: 92 }).toBuffer();
}
