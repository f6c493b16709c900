/** The keyword of XMP in a PNG. Source: Adobe XMP specification part 3 (2020), 1.1.5. */
export const xmpKeyword = "XML:com.adobe.xmp";

const digitalSourceType = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

/**
 * What says that a picture was made by a trained model, in the words that image search, social networks and photo libraries
 * read: the property `DigitalSourceType` in an XMP packet. The packet begins with a byte order mark, as its specification
 * asks; so it is not ASCII, and stands in an iTXt chunk.
 * Source: IPTC Photo Metadata Standard 2023.1, Digital Source Type.
 */
export const syntheticMark = `<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <Iptc4xmpExt:DigitalSourceType>${digitalSourceType}</Iptc4xmpExt:DigitalSourceType>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>`;
